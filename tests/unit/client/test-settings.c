// SPDX-License-Identifier: LGPL-2.1-or-later

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/text.h"
#include "client/settings.h"
#include "config.h"
#include "test.h"

/* A user without any configuration but what a test gives; HOME is a fresh directory. The machine's own
 * /etc/pip.conf cannot be kept out where a test writes a file of its own: what is written wins. */
static char home[] = "/tmp/blast-test-settings-XXXXXX";

static void remove_home(void) {
        (void) tree_remove_at(AT_FDCWD, home);
}

static void begin(void) {
        static bool is_made;

        if (!is_made) {
                ASSERT_NOT_NULL(mkdtemp(home));
                is_made = true;
                (void) atexit(remove_home);
        }
        clearenv();
        setenv("HOME", home, 1);
        setenv("XDG_CONFIG_DIRS", "/nonexistent", 1);
}

static void write_pip_file(const char *text) {
        char path[128];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/pip.conf", home);
        file = fopen(path, "we");
        ASSERT_NOT_NULL(file);
        ASSERT_TRUE(fputs(text, file) >= 0);
        ASSERT_INT(fclose(file), 0);
        setenv("PIP_CONFIG_FILE", path, 1);
}

static ClientSettings load(void) {
        ClientSettings settings = {};
        _cleanup_fault_ Fault fault = {};
        int r = client_settings_load(&settings, &fault);

        if (r < 0)
                test_fail(__FILE__, __LINE__, "not loaded: %s", fault.message);
        return settings;
}

static void assert_refused(const char *variable, const char *value) {
        _cleanup_client_settings_ ClientSettings settings = {};
        _cleanup_fault_ Fault fault = {};

        begin();
        setenv("PIP_CONFIG_FILE", "/dev/null", 1);
        setenv(variable, value, 1);
        if (client_settings_load(&settings, &fault) != -EINVAL)
                test_fail(__FILE__, __LINE__, "%s=%s was taken", variable, value);
        ASSERT_INT(fault.code, FAULT_USAGE);
        ASSERT_STREQ(fault.subject, variable);
        if (strstr(value, "secret"))
                ASSERT_NULL(strstr(fault.message, "secret"));
}

static const SettingSource *source_of(const ClientSettings *settings, const char *key) {
        for (size_t i = 0; i < settings->n_sources; i++)
                if (streq(settings->sources[i].key, key))
                        return settings->sources + i;
        test_fail(__FILE__, __LINE__, "no source of %s", key);
}

TEST(defaults_are_those_of_the_build) {
        begin();
        setenv("PIP_CONFIG_FILE", "/dev/null", 1);
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_STREQ(settings.index.index_url, BLAST_INDEX_URL);
        ASSERT_INT(settings.index.n_requests_max, 10);
        ASSERT_INT(settings.index.timeout_sec, 30);
        ASSERT_INT(settings.index.n_retries, 3);
        ASSERT_TRUE(settings.index.verify_tls);
        ASSERT_FALSE(settings.index.offline || settings.allow_prereleases);
        ASSERT_NULL(settings.index.certificate_file);
        ASSERT_NULL(settings.warnings);
        ASSERT_STREQ(source_of(&settings, "index-url")->origin, "built-in");
        ASSERT_INT(settings.n_sources, 12);
}

TEST(sources_win_in_their_order) {
        begin();
        write_pip_file("[install]\nindex-url = https://install.example/\n[global]\nindex-url = https://global.example/\n");
        {
                _cleanup_client_settings_ ClientSettings settings = load();
                ASSERT_STREQ(settings.index.index_url, "https://install.example/");
                ASSERT_TRUE(text_ends_with(
                                text_of(source_of(&settings, "index-url")->origin), "/pip.conf:2"));
        }
        static const char *const names[] = {
                "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "BLAST_INDEX_URL"
        };
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(freep) char *url = string_format("https://%zu.example/simple", i);
                setenv(names[i], url, 1);
                _cleanup_client_settings_ ClientSettings settings = load();
                ASSERT_STREQ(settings.index.index_url, url);
                ASSERT_STREQ(source_of(&settings, "index-url")->origin, names[i]);
        }
}

TEST(options_win_over_everything_and_stand_first_in_lists) {
        begin();
        setenv("PIP_CONFIG_FILE", "/dev/null", 1);
        setenv("BLAST_INDEX_URL", "https://a.example", 1);
        setenv("BLAST_EXTRA_INDEX_URLS", "https://b.example https://c.example", 1);
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_OK(client_settings_set(
                        &settings, "index-url", "https://o.example", "--index-url", NULL));
        ASSERT_OK(client_settings_set(
                        &settings,
                        "extra-index-urls",
                        "https://1.example",
                        "--extra-index-url",
                        NULL));
        ASSERT_OK(client_settings_set(
                        &settings,
                        "extra-index-urls",
                        "https://2.example",
                        "--extra-index-url",
                        NULL));
        ASSERT_OK(client_settings_set(&settings, "offline", "true", "--offline", NULL));
        ASSERT_STREQ(settings.index.index_url, "https://o.example");
        ASSERT_INT(strings_count(settings.index.extra_index_urls), 4);
        ASSERT_STREQ(settings.index.extra_index_urls[0], "https://1.example");
        ASSERT_STREQ(settings.index.extra_index_urls[1], "https://2.example");
        ASSERT_STREQ(settings.index.extra_index_urls[2], "https://b.example");
        ASSERT_TRUE(settings.index.offline);
        ASSERT_ERROR(client_settings_set(&settings, "nothing", "x", "--nothing", NULL), EINVAL);
        ASSERT_ERROR(client_settings_set(&settings, "find-links", "ssh://x", "--find-links", NULL),
                     EINVAL);
}

TEST(lists_are_cut_as_their_owners_cut_them) {
        begin();
        write_pip_file("[global]\nextra-index-url =\n  https://a.example\n  https://b.example\n");
        setenv("UV_FIND_LINKS", "/srv/a b,https://x.example/links", 1);
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_INT(strings_count(settings.index.extra_index_urls), 2);
        ASSERT_STREQ(settings.index.extra_index_urls[1], "https://b.example");
        ASSERT_INT(strings_count(settings.index.find_links), 2);
        ASSERT_STREQ(settings.index.find_links[0], "file:///srv/a%20b");
        ASSERT_STREQ(settings.index.find_links[1], "https://x.example/links");
}

TEST(uv_index_is_joined_with_uv_extra_index_url_only) {
        begin();
        setenv("PIP_CONFIG_FILE", "/dev/null", 1);
        setenv("PIP_EXTRA_INDEX_URL", "https://pip.example", 1);
        setenv("UV_INDEX", "named=https://a.example https://b.example?x=1", 1);
        {
                _cleanup_client_settings_ ClientSettings settings = load();
                ASSERT_INT(strings_count(settings.index.extra_index_urls), 2);
                ASSERT_STREQ(settings.index.extra_index_urls[0], "https://a.example");
                ASSERT_STREQ(settings.index.extra_index_urls[1], "https://b.example?x=1");
        }
        setenv("UV_EXTRA_INDEX_URL", "https://extra.example", 1);
        _cleanup_client_settings_ ClientSettings settings = load();
        ASSERT_INT(strings_count(settings.index.extra_index_urls), 3);
}

TEST(paths_become_absolute_urls) {
        begin();
        setenv("PIP_CONFIG_FILE", "/dev/null", 1);
        setenv("PIP_FIND_LINKS", "wheels ./more ~/mine", 1);
        _cleanup_(freep) char *directory = getcwd(NULL, 0);
        _cleanup_(freep) char *relative = string_format("file://%s/wheels", directory);
        _cleanup_(freep) char *mine = string_format("file://%s/mine", home);
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_STREQ(settings.index.find_links[0], relative);
        ASSERT_STREQ(settings.index.find_links[2], mine);
}

TEST(credentials_are_used_but_not_shown) {
        begin();
        setenv("PIP_CONFIG_FILE", "/dev/null", 1);
        setenv("PIP_INDEX_URL", "https://user:secret@index.example/simple", 1);
        setenv("PIP_EXTRA_INDEX_URL", "https://t@a.example/ https://u:p@b.example/", 1);
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_STREQ(settings.index.index_url, "https://user:secret@index.example/simple");
        ASSERT_STREQ(source_of(&settings, "index-url")->value, "https://index.example/simple");
        ASSERT_STREQ(source_of(&settings, "extra-index-urls")->value,
                     "https://a.example/, https://b.example/");
}

TEST(certificate_numbers_and_truth_are_read) {
        begin();
        write_pip_file("[global]\ntimeout = 14.5\ncert = /a.pem\nretries = 0\n");
        setenv("SSL_CERT_FILE", "/b.pem", 1);
        setenv("UV_CONCURRENT_DOWNLOADS", "3", 1);
        setenv("UV_OFFLINE", "TRUE", 1);
        setenv("UV_PRERELEASE", "allow", 1);
        setenv("UV_EXCLUDE_NEWER", "2024-01-01", 1);
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_INT(settings.index.timeout_sec, 15);
        ASSERT_INT(settings.index.n_retries, 0);
        ASSERT_INT(settings.index.n_requests_max, 3);
        ASSERT_STREQ(settings.index.certificate_file, "/b.pem");
        ASSERT_TRUE(settings.index.offline && settings.allow_prereleases);
        ASSERT_STREQ(settings.exclude_newer, "2024-01-01");
}

TEST(no_index_leaves_find_links_only) {
        begin();
        write_pip_file("[global]\nno-index = true\nextra-index-url = https://a.example\nfind-links = /srv/wheels\n");
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_STREQ(settings.index.index_url, SETTINGS_NO_INDEX);
        ASSERT_INT(strings_count(settings.index.find_links), 1);
}

TEST(what_is_not_honoured_is_told) {
        begin();
        write_pip_file("[global]\ntrusted-host = a.example\n");
        setenv("PIP_TRUSTED_HOST", "b.example", 1);
        _cleanup_client_settings_ ClientSettings settings = load();

        ASSERT_INT(strings_count(settings.warnings), 2);
        ASSERT_NOT_NULL(strstr(settings.warnings[0], "pip.conf:2"));
        ASSERT_NOT_NULL(strstr(settings.warnings[1], "PIP_TRUSTED_HOST"));
        ASSERT_TRUE(settings.index.verify_tls);
}

TEST(values_without_sense_are_refused_with_their_place) {
        assert_refused("PIP_INDEX_URL", "ftp://user:secret@index.example/");
        assert_refused("PIP_INDEX_URL", "https:///simple");
        assert_refused("BLAST_INDEX_URL", "https://index.example/\x1b[2J");
        assert_refused("PIP_DEFAULT_TIMEOUT", "soon");
        assert_refused("PIP_DEFAULT_TIMEOUT", "0");
        assert_refused("PIP_RETRIES", "-1");
        assert_refused("UV_CONCURRENT_DOWNLOADS", "99999999999999999999");
        assert_refused("UV_OFFLINE", "perhaps");
}
