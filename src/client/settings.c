// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 *   built-in ─▶ pip.conf [global] ─▶ pip.conf [install] ─▶ PIP_* ─▶ UV_* ─▶ BLAST_* ─▶ command line
 *
 * Sources are applied in rising order of precedence; each replaces the whole value of its key, lists
 * too, and leaves its name in the table of sources. The two tables below are all the names there are:
 * what is honoured (variables[], pip_keys[]) and what is seen but not honoured (ignored[]), which becomes
 * a warning, because a setting that silently does nothing is worse than none.
 *
 * Places of wheels and indexes are made absolute here, where the user's working directory is known:
 * paths become file:// URLs. URLs are not parsed further; that is done where they are used. */

#include <string.h>

#include "basic/text.h"
#include "client/pip-config.h"
#include "client/settings-value.h"
#include "client/settings.h"
#include "config.h"

typedef enum SettingKey {
        KEY_INDEX_URL,
        KEY_EXTRA_INDEX_URLS,
        KEY_FIND_LINKS,
        KEY_CERTIFICATE_FILE,
        KEY_REQUESTS_MAX,
        KEY_TIMEOUT,
        KEY_RETRIES,
        KEY_PAGE_AGE_MAX,
        KEY_VERIFY_TLS,
        KEY_OFFLINE,
        KEY_PRERELEASES,
        KEY_EXCLUDE_NEWER,
        KEY_NO_INDEX, /* not one of its own: empties index-url */
        _SETTING_KEY_MAX,
        _SETTING_KEY_INVALID = -EINVAL,
} SettingKey;

static const char *const key_names[_SETTING_KEY_MAX] = {
        [KEY_INDEX_URL] = "index-url",       [KEY_EXTRA_INDEX_URLS] = "extra-index-urls",
        [KEY_FIND_LINKS] = "find-links",     [KEY_CERTIFICATE_FILE] = "certificate-file",
        [KEY_REQUESTS_MAX] = "requests-max", [KEY_TIMEOUT] = "timeout",
        [KEY_RETRIES] = "retries",           [KEY_PAGE_AGE_MAX] = "page-age-max",
        [KEY_VERIFY_TLS] = "verify-tls",     [KEY_OFFLINE] = "offline",
        [KEY_PRERELEASES] = "prereleases",   [KEY_EXCLUDE_NEWER] = "exclude-newer",
        [KEY_NO_INDEX] = "no-index",
};

static const char *const defaults[KEY_NO_INDEX] = {
        [KEY_INDEX_URL] = BLAST_INDEX_URL,
        [KEY_EXTRA_INDEX_URLS] = "",
        [KEY_FIND_LINKS] = "",
        [KEY_CERTIFICATE_FILE] = "",
        [KEY_REQUESTS_MAX] = "10",
        [KEY_TIMEOUT] = "30",
        [KEY_RETRIES] = "3",
        [KEY_PAGE_AGE_MAX] = "600",
        [KEY_VERIFY_TLS] = "true",
        [KEY_OFFLINE] = "false",
        [KEY_PRERELEASES] = "false",
        [KEY_EXCLUDE_NEWER] = "",
};

/* A name under which a key is known. Two names of one family that are both set are joined (@adds). */
typedef struct SettingName {
        const char *name;
        SettingKey key;
        char separator; /* of lists; 0: white space */
        bool adds;
} SettingName;

static const SettingName pip_keys[] = {
        { "index-url", KEY_INDEX_URL, 0, false },
        { "extra-index-url", KEY_EXTRA_INDEX_URLS, 0, false },
        { "find-links", KEY_FIND_LINKS, 0, false },
        { "no-index", KEY_NO_INDEX, 0, false },
        { "cert", KEY_CERTIFICATE_FILE, 0, false },
        { "timeout", KEY_TIMEOUT, 0, false },
        { "default-timeout", KEY_TIMEOUT, 0, false },
        { "retries", KEY_RETRIES, 0, false },
        { "pre", KEY_PRERELEASES, 0, false },
};

/* In rising order of precedence. */
static const SettingName variables[] = {
        { "CURL_CA_BUNDLE", KEY_CERTIFICATE_FILE, 0, false },
        { "REQUESTS_CA_BUNDLE", KEY_CERTIFICATE_FILE, 0, false },
        { "PIP_INDEX_URL", KEY_INDEX_URL, 0, false },
        { "PIP_EXTRA_INDEX_URL", KEY_EXTRA_INDEX_URLS, 0, false },
        { "PIP_FIND_LINKS", KEY_FIND_LINKS, 0, false },
        { "PIP_NO_INDEX", KEY_NO_INDEX, 0, false },
        { "PIP_CERT", KEY_CERTIFICATE_FILE, 0, false },
        { "PIP_TIMEOUT", KEY_TIMEOUT, 0, false },
        { "PIP_DEFAULT_TIMEOUT", KEY_TIMEOUT, 0, false },
        { "PIP_RETRIES", KEY_RETRIES, 0, false },
        { "PIP_PRE", KEY_PRERELEASES, 0, false },
        { "SSL_CERT_FILE", KEY_CERTIFICATE_FILE, 0, false },
        { "UV_INDEX_URL", KEY_INDEX_URL, 0, false },
        { "UV_DEFAULT_INDEX", KEY_INDEX_URL, 0, false },
        { "UV_EXTRA_INDEX_URL", KEY_EXTRA_INDEX_URLS, 0, false },
        { "UV_INDEX", KEY_EXTRA_INDEX_URLS, 0, true },
        { "UV_FIND_LINKS", KEY_FIND_LINKS, ',', false },
        { "UV_NO_INDEX", KEY_NO_INDEX, 0, false },
        { "UV_OFFLINE", KEY_OFFLINE, 0, false },
        { "UV_REQUEST_TIMEOUT", KEY_TIMEOUT, 0, false },
        { "UV_HTTP_TIMEOUT", KEY_TIMEOUT, 0, false },
        { "UV_HTTP_RETRIES", KEY_RETRIES, 0, false },
        { "UV_CONCURRENT_DOWNLOADS", KEY_REQUESTS_MAX, 0, false },
        { "UV_PRERELEASE", KEY_PRERELEASES, 0, false },
        { "UV_EXCLUDE_NEWER", KEY_EXCLUDE_NEWER, 0, false },
        { "BLAST_INDEX_URL", KEY_INDEX_URL, 0, false },
        { "BLAST_EXTRA_INDEX_URLS", KEY_EXTRA_INDEX_URLS, 0, false },
        { "BLAST_FIND_LINKS", KEY_FIND_LINKS, 0, false },
        { "BLAST_NO_INDEX", KEY_NO_INDEX, 0, false },
        { "BLAST_CERTIFICATE_FILE", KEY_CERTIFICATE_FILE, 0, false },
        { "BLAST_REQUESTS_MAX", KEY_REQUESTS_MAX, 0, false },
        { "BLAST_TIMEOUT", KEY_TIMEOUT, 0, false },
        { "BLAST_RETRIES", KEY_RETRIES, 0, false },
        { "BLAST_PAGE_AGE_MAX", KEY_PAGE_AGE_MAX, 0, false },
        { "BLAST_OFFLINE", KEY_OFFLINE, 0, false },
        { "BLAST_PRERELEASES", KEY_PRERELEASES, 0, false },
        { "BLAST_EXCLUDE_NEWER", KEY_EXCLUDE_NEWER, 0, false },
};

/* Seen and not honoured, by variable and by key of pip.conf, with the reason. */
static const struct {
        const char *variable;
        const char *pip_key; /* NULL: not pip's */
        const char *reason;
} ignored[] = {
        { "PIP_TRUSTED_HOST",
          "trusted-host",
          "certificates are always checked; name the authority with SSL_CERT_FILE" },
        { "UV_INSECURE_HOST",
          NULL,
          "certificates are always checked; name the authority with SSL_CERT_FILE" },
        { "PIP_CLIENT_CERT", "client-cert", "client certificates are not supported yet" },
        { "PIP_PROXY", "proxy", "proxies are taken from http_proxy and https_proxy" },
        { "PIP_CONSTRAINT", "constraint", "constraints are not supported yet" },
        { "UV_CONSTRAINT", NULL, "constraints are not supported yet" },
        { "UV_OVERRIDE", NULL, "overrides are not supported yet" },
        { "UV_INDEX_STRATEGY", NULL, "the first index that has a project is the one that counts" },
        { "UV_KEYRING_PROVIDER",
          NULL,
          "keyrings are not supported yet; credentials can be part of the URL" },
        { "PIP_KEYRING_PROVIDER",
          "keyring-provider",
          "keyrings are not supported yet; credentials can be part of the URL" },
        { "PIP_NO_BINARY", "no-binary", "only wheels can be installed yet" },
        { "UV_NO_BINARY", NULL, "only wheels can be installed yet" },
};

static int set_string(char **slot, const char *value) {
        char *copy = NULL;

        if (!text_is_empty(value)) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*slot);
        *slot = copy;
        return 0;
}

void client_settings_done(ClientSettings *settings) {
        free(settings->index.index_url);
        strings_free(settings->index.extra_index_urls);
        strings_free(settings->index.find_links);
        strings_free(settings->index.proxies);
        free(settings->index.certificate_file);
        free(settings->exclude_newer);
        for (size_t i = 0; i < settings->n_sources; i++) {
                free(settings->sources[i].value);
                free(settings->sources[i].origin);
        }
        free(settings->sources);
        strings_free(settings->warnings);
        *settings = (ClientSettings){};
}

static int refuse_value(Fault *fault, const char *origin, SettingKey key, const char *wanted) {
        /* The value is not repeated: it may be a URL with credentials. */
        return fault_set(
                        fault,
                        -EINVAL,
                        FAULT_USAGE,
                        origin,
                        "%s: the value of '%s' must be %s.",
                        origin,
                        key_names[key],
                        wanted);
}

static int show_list(char *const *list, char **ret) {
        _cleanup_builder_ Builder text = {};

        FOREACH_TEXT(item, list) {
                _cleanup_(freep) char *shown = setting_place_to_show(item);
                if (!shown)
                        return -ENOMEM;
                if (text.length > 0)
                        builder_add(&text, ", ");
                builder_add(&text, shown);
        }
        return builder_finish(&text, ret);
}

static int show_text(const char *value, char **ret) {
        *ret = setting_place_to_show(value ?: "");
        return *ret ? 0 : -ENOMEM;
}

static int show_number(uint64_t value, char **ret) {
        *ret = string_format("%llu", (unsigned long long) value);
        return *ret ? 0 : -ENOMEM;
}

/* The value in force, as users may see it. */
static int show_value(const ClientSettings *settings, SettingKey key, char **ret) {
        const IndexSettings *index = &settings->index;

        switch (key) {
        case KEY_INDEX_URL:
                return show_text(index->index_url, ret);
        case KEY_EXTRA_INDEX_URLS:
                return show_list(index->extra_index_urls, ret);
        case KEY_FIND_LINKS:
                return show_list(index->find_links, ret);
        case KEY_CERTIFICATE_FILE:
                return show_text(index->certificate_file, ret);
        case KEY_REQUESTS_MAX:
                return show_number(index->n_requests_max, ret);
        case KEY_TIMEOUT:
                return show_number(index->timeout_sec, ret);
        case KEY_RETRIES:
                return show_number(index->n_retries, ret);
        case KEY_PAGE_AGE_MAX:
                return show_number(index->page_age_max_sec, ret);
        case KEY_VERIFY_TLS:
                return show_text(index->verify_tls ? "true" : "false", ret);
        case KEY_OFFLINE:
                return show_text(index->offline ? "true" : "false", ret);
        case KEY_PRERELEASES:
                return show_text(settings->allow_prereleases ? "true" : "false", ret);
        case KEY_EXCLUDE_NEWER:
                return show_text(settings->exclude_newer, ret);
        default:
                return -EINVAL;
        }
}

static int set_source(ClientSettings *settings, SettingKey key, const char *origin) {
        SettingSource *source = settings->sources + key;
        _cleanup_(freep) char *value = NULL, *copy = strdup(origin);
        int r;

        if (!copy)
                return -ENOMEM;
        r = show_value(settings, key, &value);
        if (r < 0)
                return r;
        free(source->value);
        free(source->origin);
        *source = (SettingSource){ key_names[key], TAKE_PTR(value), TAKE_PTR(copy) };
        return 0;
}

static int set_number(SettingKey key, const char *value, IndexSettings *index) {
        uint64_t number;
        int r;

        r = setting_parse_number(
                        value, key == KEY_PAGE_AGE_MAX ? UINT64_C(1) << 40 : 86400, &number);
        if (r < 0)
                return r;
        if (number == 0 && (key == KEY_REQUESTS_MAX || key == KEY_TIMEOUT))
                return -ERANGE;
        if (key == KEY_REQUESTS_MAX)
                index->n_requests_max = (uint32_t) number;
        else if (key == KEY_TIMEOUT)
                index->timeout_sec = (uint32_t) number;
        else if (key == KEY_RETRIES)
                index->n_retries = (uint32_t) number;
        else
                index->page_age_max_sec = number;
        return 0;
}

static int set_list(char ***slot, const char *value, char separator, bool adds) {
        _cleanup_(strings_freep) char **list = NULL;
        int r;

        r = setting_parse_places(value, separator, &list);
        if (r < 0)
                return r;
        if (!adds) {
                strings_free(*slot);
                *slot = TAKE_PTR(list);
                return 0;
        }
        FOREACH_TEXT(item, list) {
                r = strings_add(slot, item);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int set_index_url(IndexSettings *index, const char *value) {
        _cleanup_(freep) char *url = NULL;
        int r;

        r = *value ? setting_parse_place(value, &url) : -EINVAL;
        if (r < 0)
                return r;
        free(index->index_url);
        index->index_url = TAKE_PTR(url);
        return 0;
}

static int set_no_index(ClientSettings *settings, const char *value, const char *origin) {
        bool is_set;
        char *url;
        int r;

        if (setting_parse_boolean(value, &is_set) < 0)
                return -EINVAL;
        if (!is_set)
                return 0;
        url = strdup(SETTINGS_NO_INDEX);
        if (!url)
                return -ENOMEM;
        free(settings->index.index_url);
        settings->index.index_url = url;
        /* pip then ignores extra indexes, too. */
        settings->index.extra_index_urls = strings_free(settings->index.extra_index_urls);
        r = set_source(settings, KEY_INDEX_URL, origin);
        return r < 0 ? r : set_source(settings, KEY_EXTRA_INDEX_URLS, origin);
}

static const char *what_is_wanted(SettingKey key) {
        switch (key) {
        case KEY_INDEX_URL:
                return "an http, https or file URL, or a path";
        case KEY_EXTRA_INDEX_URLS:
        case KEY_FIND_LINKS:
                return "http, https or file URLs, or paths";
        case KEY_REQUESTS_MAX:
        case KEY_TIMEOUT:
                return "a number from 1 to 86400";
        case KEY_RETRIES:
        case KEY_PAGE_AGE_MAX:
                return "a number";
        default:
                return "true or false";
        }
}

/* Gives @key the value that stands at @origin. */
static int
apply(ClientSettings *settings,
      const SettingName *name,
      const char *value,
      const char *origin,
      Fault *fault) {
        IndexSettings *index = &settings->index;
        SettingKey key = name->key;
        int r;

        switch (key) {
        case KEY_INDEX_URL:
                r = set_index_url(index, value);
                break;
        case KEY_EXTRA_INDEX_URLS:
                r = set_list(&index->extra_index_urls, value, name->separator, name->adds);
                break;
        case KEY_FIND_LINKS:
                r = set_list(&index->find_links, value, name->separator, name->adds);
                break;
        case KEY_CERTIFICATE_FILE:
                r = set_string(&index->certificate_file, value);
                break;
        case KEY_VERIFY_TLS:
                r = setting_parse_boolean(value, &index->verify_tls);
                break;
        case KEY_OFFLINE:
                r = setting_parse_boolean(value, &index->offline);
                break;
        case KEY_PRERELEASES:
                r = setting_parse_boolean(value, &settings->allow_prereleases);
                break;
        case KEY_EXCLUDE_NEWER:
                r = set_string(&settings->exclude_newer, value);
                break;
        case KEY_NO_INDEX:
                r = set_no_index(settings, value, origin);
                if (r >= 0)
                        return 0;
                break;
        default:
                r = set_number(key, value, index);
        }
        if (r == -EINVAL || r == -ERANGE)
                return refuse_value(fault, origin, key, what_is_wanted(key));
        if (r < 0)
                return r;
        return set_source(settings, key, origin);
}

static int warn_ignored(ClientSettings *settings, const char *origin, const char *reason) {
        char *warning = string_format("%s is not honoured: %s.", origin, reason);

        return warning ? strings_consume(&settings->warnings, warning) : -ENOMEM;
}

/* One round over pip's files looks at one section. */
typedef struct PipRound {
        ClientSettings *settings;
        const char *section;
        Fault *fault;
} PipRound;

static int
on_pip_setting(const char *section,
               const char *key,
               const char *value,
               const char *path,
               uint32_t line,
               void *userdata) {
        PipRound *round = userdata;
        _cleanup_(freep) char *origin = NULL;

        if (!streq(section, round->section))
                return 0;
        origin = string_format("%s:%u", path, line);
        if (!origin)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(pip_keys); i++)
                if (streq(key, pip_keys[i].name))
                        return apply(round->settings, pip_keys + i, value, origin, round->fault);
        for (size_t i = 0; i < ELEMENTSOF(ignored); i++)
                if (ignored[i].pip_key && streq(key, ignored[i].pip_key)) {
                        _cleanup_(freep) char *place = string_format("%s (%s)", key, origin);
                        return place ? warn_ignored(round->settings, place, ignored[i].reason)
                                     : -ENOMEM;
                }
        return 0;
}

static int load_pip_files(ClientSettings *settings, Fault *fault) {
        static const char *const sections[] = { "global", "install" };
        _cleanup_(strings_freep) char **files = NULL;
        int r;

        r = pip_config_list_files(&files);
        if (r < 0)
                return r;
        /* What is said for "pip install" wins over what is said for all of pip, in whichever file. */
        for (size_t i = 0; i < ELEMENTSOF(sections); i++) {
                PipRound round = { settings, sections[i], fault };

                FOREACH_TEXT(file, files) {
                        r = pip_config_read(file, on_pip_setting, &round, fault);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int load_variables(ClientSettings *settings, Fault *fault) {
        const char *value;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                value = getenv(variables[i].name);
                if (text_is_empty(value))
                        continue;
                SettingName name = variables[i];
                /* Joined only with its elder sister, not with what less important sources said. */
                name.adds = name.adds && i > 0 && !text_is_empty(getenv(variables[i - 1].name));
                r = apply(settings, &name, value, name.name, fault);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ELEMENTSOF(ignored); i++) {
                if (text_is_empty(getenv(ignored[i].variable)))
                        continue;
                r = warn_ignored(settings, ignored[i].variable, ignored[i].reason);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The variables that curl, pip and uv know; in small letters, which is the form curl prefers. */
static int load_proxies(char ***proxies) {
        static const char *const names[][2] = {
                { "all_proxy", "ALL_PROXY" },
                { "http_proxy",
                  NULL }, /* HTTP_PROXY could come from a CGI request: curl ignores it, too */
                { "https_proxy", "HTTPS_PROXY" },
                { "no_proxy", "NO_PROXY" },
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *value = getenv(names[i][0]);
                if (!value && names[i][1])
                        value = getenv(names[i][1]);
                if (!value || !*value)
                        continue;
                r = strings_consume(proxies, string_format("%s=%s", names[i][0], value));
                if (r < 0)
                        return r;
        }
        return 0;
}

int client_settings_load(ClientSettings *ret, Fault *fault) {
        _cleanup_client_settings_ ClientSettings settings = {};
        int r;

        settings.sources = calloc(KEY_NO_INDEX, sizeof(*settings.sources));
        if (!settings.sources)
                return -ENOMEM;
        settings.n_sources = KEY_NO_INDEX;
        for (SettingKey key = 0; key < KEY_NO_INDEX; key++) {
                const SettingName name = { key_names[key], key, 0, false };
                r = apply(&settings, &name, defaults[key], "built-in", fault);
                if (r < 0)
                        return r;
        }
        r = load_pip_files(&settings, fault);
        if (r < 0)
                return r;
        r = load_variables(&settings, fault);
        if (r < 0)
                return r;
        r = load_proxies(&settings.index.proxies);
        if (r < 0)
                return r;
        *ret = TAKE(settings, (ClientSettings){});
        return 0;
}

/* Puts one more entry behind those that were given before and in front of the others. */
static int insert_given(char ***list, size_t *n_given, const char *value) {
        char *url = NULL;
        size_t n = strings_count(*list);
        int r;

        r = setting_parse_place(value, &url);
        if (r < 0)
                return r;
        r = strings_consume(list, url);
        if (r < 0)
                return r;
        memmove(*list + *n_given + 1, *list + *n_given, (n - *n_given) * sizeof(char *));
        (*list)[(*n_given)++] = url;
        return 0;
}

int client_settings_set(
                ClientSettings *settings,
                const char *key,
                const char *value,
                const char *origin,
                Fault *fault) {
        int r;

        for (SettingKey i = 0; i < KEY_NO_INDEX; i++) {
                if (!streq(key, key_names[i]))
                        continue;
                if (i == KEY_EXTRA_INDEX_URLS)
                        r =
                                        insert_given(&settings->index.extra_index_urls,
                                                     &settings->n_extra_given,
                                                     value);
                else if (i == KEY_FIND_LINKS)
                        r =
                                        insert_given(&settings->index.find_links,
                                                     &settings->n_links_given,
                                                     value);
                else
                        return apply(settings,
                                     &(SettingName){ key, i, 0, false },
                                     value,
                                     origin,
                                     fault);
                if (r == -EINVAL)
                        return refuse_value(fault, origin, i, what_is_wanted(i));
                return r < 0 ? r : set_source(settings, i, origin);
        }
        return fault_set(fault, -EINVAL, FAULT_USAGE, key, "There is no setting '%s'.", key);
}
