// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "basic/text.h"
#include "package/index.h"
#include "test.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const IndexSource demo = {
        .name = "demo-package",
        .url = "https://index.example/simple/demo-package/",
        .content_type = "application/vnd.pypi.simple.v1+json",
};

static int parse(const IndexSource *source, const char *text, IndexPage **ret, Fault *fault) {
        return index_page_parse(source, text, strlen(text), ret, fault);
}

static IndexPage *parse_ok(const IndexSource *source, const char *text) {
        _cleanup_fault_ Fault fault = {};
        IndexPage *page = NULL;
        int r = parse(source, text, &page, &fault);

        if (r < 0)
                test_fail(__FILE__, __LINE__, "refused: %s", fault.message);
        return page;
}

static FaultCode parse_refused(const IndexSource *source, const char *text, int error) {
        _cleanup_fault_ Fault fault = {};
        IndexPage *page = NULL;

        ASSERT_INT(parse(source, text, &page, &fault), -error);
        ASSERT_NULL(page);
        ASSERT_NOT_NULL(fault.message);
        return fault.code;
}

TEST(json_page_with_every_key_is_read) {
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(
                        &demo,
                        "{\"meta\": {\"api-version\": \"1.1\", \"_last-serial\": 12345678901234567890},"
                        " \"name\": \"Demo_Package\", \"versions\": [\"1.0\"],"
                        " \"alternate-locations\": [], \"tracks\": [],"
                        " \"project-status\": {\"status\": \"archived\", \"reason\": \"done\"},"
                        " \"files\": ["
                        "{\"filename\": \"demo_package-1.0-py3-none-any.whl\","
                        " \"url\": \"https://files.index.example/a/demo_package-1.0-py3-none-any.whl#sha1=0\","
                        " \"hashes\": {\"sha256\": \"" SHA_A "\", \"md5\": \"x\"},"
                        " \"requires-python\": \">=3.8\", \"size\": 1234,"
                        " \"upload-time\": \"2023-01-02T03:04:05.678901Z\", \"yanked\": \"broken\","
                        " \"core-metadata\": {\"sha256\": \"" SHA_B "\"}},"
                        "{\"filename\": \"demo_package-1.0.tar.gz\", \"url\": \"../../files/demo_package-1.0.tar.gz\","
                        " \"hashes\": {}, \"yanked\": false, \"requires-python\": null}"
                        "]}");

        ASSERT_STREQ(page->name, "demo-package");
        ASSERT_STREQ(page->status, "archived");
        ASSERT_STREQ(page->status_reason, "done");
        ASSERT_INT(page->n_files, 2);
        ASSERT_INT(page->n_skipped, 0);
        const IndexFile *wheel = page->files, *source = page->files + 1;
        ASSERT_INT(wheel->kind, INDEX_FILE_WHEEL);
        ASSERT_STREQ(wheel->url, "https://files.index.example/a/demo_package-1.0-py3-none-any.whl");
        ASSERT_TRUE(text_equals_string(wheel->version, "1.0"));
        ASSERT_TRUE(text_equals_string(wheel->tags, "py3-none-any"));
        ASSERT_TRUE(wheel->has_digest && wheel->digest.bytes[31] == 0xaa);
        ASSERT_TRUE(wheel->has_metadata && wheel->has_metadata_digest);
        ASSERT_INT(wheel->metadata_digest.bytes[0], 0xbb);
        ASSERT_STREQ(wheel->requires_python, ">=3.8");
        ASSERT_STREQ(wheel->yanked, "broken");
        ASSERT_INT(wheel->size_bytes, 1234);
        ASSERT_INT(wheel->upload_usec, 1672628645678901);
        ASSERT_INT(source->kind, INDEX_FILE_SOURCE);
        ASSERT_STREQ(source->url, "https://index.example/files/demo_package-1.0.tar.gz");
        ASSERT_TRUE(text_equals_string(source->version, "1.0"));
        ASSERT_FALSE(source->has_digest || source->yanked || source->requires_python);
}

TEST(page_encoded_and_decoded_is_the_same) {
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(
                        &demo,
                        "{\"files\": ["
                        "{\"filename\": \"demo_package-1.0-2-cp311-cp311-linux_x86_64.whl\","
                        " \"url\": \"/p/demo_package-1.0-2-cp311-cp311-linux_x86_64.whl?token=1\","
                        " \"hashes\": {\"sha256\": \"" SHA_A "\"}, \"yanked\": true},"
                        "{\"filename\": \"demo-package-2.zip\", \"url\": \"/p/demo-package-2.zip\", \"size\": 7},"
                        "{\"filename\": \"other-1.0.zip\", \"url\": \"/p/other-1.0.zip\"}]}");
        _cleanup_(index_page_freep) IndexPage *decoded = NULL;
        _cleanup_(freep) void *data = NULL, *again = NULL;
        size_t size, again_size;

        ASSERT_OK(index_page_encode(page, &data, &size));
        ASSERT_OK(index_page_decode(data, size, &decoded));
        ASSERT_INT(decoded->n_files, 2);
        ASSERT_STREQ(decoded->files[0].url,
                     "https://index.example/p/demo_package-1.0-2-cp311-cp311-linux_x86_64.whl?token=1");
        ASSERT_STREQ(decoded->files[0].yanked, "");
        ASSERT_TRUE(text_equals_string(decoded->files[0].tags, "cp311-cp311-linux_x86_64"));
        ASSERT_STREQ(decoded->files[1].url, "https://index.example/p/demo-package-2.zip");
        ASSERT_INT(decoded->n_skips, 1);
        ASSERT_STREQ(decoded->skips[0].filename, "other-1.0.zip");
        ASSERT_OK(index_page_encode(decoded, &again, &again_size));
        ASSERT_INT(size, again_size);
        ASSERT_INT(memcmp(data, again, size), 0);
}

TEST(page_cut_anywhere_is_not_decoded) {
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(
                        &demo,
                        "{\"files\": [{\"filename\": \"demo_package-1.0-py3-none-any.whl\", \"url\": \"x.whl\"}]}");
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(index_page_encode(page, &data, &size));
        for (size_t n = 0; n < size; n++) {
                IndexPage *decoded = NULL;
                ASSERT_TRUE(index_page_decode(data, n, &decoded) < 0);
                ASSERT_NULL(decoded);
        }
}

/* Each of these must be skipped, and with the reason given. */
static void assert_skipped(const char *entry, const char *reason) {
        _cleanup_(freep) char *text = string_format("{\"files\": [%s]}", entry);
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(&demo, text);

        if (page->n_files != 0 || page->n_skipped != 1)
                test_fail(__FILE__, __LINE__, "not skipped: %s", entry);
        ASSERT_STREQ(page->skips[0].reason, reason);
}

#define ENTRY(filename, url) "{\"filename\": \"" filename "\", \"url\": \"" url "\"}"
#define GOOD                 "demo_package-1.0-py3-none-any.whl"

TEST(hostile_file_names_are_skipped) {
        const char *reason = "its name is not that of a wheel or source archive";

        assert_skipped(ENTRY("../" GOOD, "x"), reason);
        assert_skipped(ENTRY("a/" GOOD, "x"), reason);
        assert_skipped(ENTRY("..\\\\" GOOD, "x"), reason);
        assert_skipped(ENTRY("." GOOD, "x"), reason);
        assert_skipped(ENTRY("demo_package-1.0-py3-none-any.whl\\n", "x"), reason);
        assert_skipped(ENTRY("demo_package-1.0\\u001b[2J-py3-none-any.whl", "x"), reason);
        assert_skipped(ENTRY("demo_package-1.0-py3.whl", "x"), reason);
        assert_skipped(ENTRY("demo_package-1.0-x-py3-none-any.whl", "x"), reason);
        assert_skipped(ENTRY("demo_package-1.0-1-2-py3-none-any.whl", "x"), reason);
        assert_skipped(ENTRY("demo_package--py3-none-any.whl", "x"), reason);
        assert_skipped(ENTRY("demo_package-1.0.exe", "x"), reason);
        assert_skipped(ENTRY("demo_package-1.0-py3-none-any.whl.asc", "x"), reason);
}

TEST(files_of_other_projects_are_skipped) {
        const char *reason = "its name says it belongs to another project";

        assert_skipped(ENTRY("demo-1.0-py3-none-any.whl", "x"), reason);
        assert_skipped(ENTRY("demo_package2-1.0-py3-none-any.whl", "x"), reason);
        assert_skipped(ENTRY("demo-package-extra-1.0.tar.gz", "x"), reason);
        assert_skipped(ENTRY("demo-1.0.tar.gz", "x"), reason);
}

TEST(hostile_urls_are_skipped) {
        assert_skipped(ENTRY(GOOD, "javascript:alert(1)"), "its URL is not http, https or file");
        assert_skipped(ENTRY(GOOD, "data:text/plain,x"), "its URL is not http, https or file");
        assert_skipped(ENTRY(GOOD, "ftp://index.example/x"), "its URL is not http, https or file");
        assert_skipped(ENTRY(GOOD, "file:///etc/passwd"),
                       "its URL is a local file, but the page is not");
        assert_skipped(ENTRY(GOOD, "https://u:p@index.example/x"), "its URL holds credentials");
        assert_skipped(ENTRY(GOOD, "https://index.example/x\\r\\nHost: y"),
                       "its URL holds control characters or backslashes");
        assert_skipped(ENTRY(GOOD, "https://index.example\\\\@evil.example/"),
                       "its URL holds control characters or backslashes");
        assert_skipped(ENTRY(GOOD, "https:///x"), "its URL is malformed");
        assert_skipped(ENTRY(GOOD, ""), "it has no URL");
        assert_skipped(ENTRY(GOOD, "http://index.example/x"),
                       "its URL leads from https to http, and there is no digest");
}

TEST(values_of_wrong_types_are_skipped_or_dropped) {
        _cleanup_(index_page_freep) IndexPage *page = NULL;

        assert_skipped("{\"filename\": \"" GOOD "\", \"url\": 5}",
                       "a value of it has the wrong type");
        assert_skipped("{\"filename\": \"" GOOD "\", \"url\": \"x\", \"hashes\": []}",
                       "its hashes have the wrong type");
        assert_skipped("{\"filename\": \"" GOOD
                       "\", \"url\": \"x\", \"hashes\": {\"sha256\": \"zz\"}}",
                       "its SHA-256 is not one");
        assert_skipped("{\"filename\": \"" GOOD "\", \"url\": \"x\", \"yanked\": 3}",
                       "whether it is yanked cannot be told");
        assert_skipped("{\"filename\": \"" GOOD
                       "\", \"url\": \"x\", \"requires-python\": \">=3\\u0007\"}",
                       "its Requires-Python is not text");
        page = parse_ok(&demo,
                        "{\"files\": ["
                        "{\"filename\": \"" GOOD
                        "\", \"url\": \"x\", \"size\": 99999999999999999999999999},"
                        "{\"filename\": \"" GOOD "\", \"url\": \"x\", \"size\": -1},"
                        "{\"filename\": \"" GOOD
                        "\", \"url\": \"x\", \"upload-time\": \"yesterday\"}]}");
        ASSERT_INT(page->n_files, 3);
        ASSERT_INT(page->files[0].size_bytes, 0);
        ASSERT_INT(page->files[1].size_bytes, 0);
        ASSERT_INT(page->files[2].upload_usec, 0);
}

TEST(json_that_is_no_page_is_refused) {
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"files\": {}}",
                "{\"files\": [}",
                "{\"files\": []} trailing",
                "{\"files\": [3]}",
                "{\"files\": [{}]}",
                "{\"files\": [{\"filename\": 3}]}",
                "{\"meta\": 1, \"files\": []}",
                "{\"meta\": {}, \"files\": []}",
                "{\"meta\": {\"api-version\": \"one\"}, \"files\": []}",
                "{\"meta\": {\"api-version\": 1}, \"files\": []}",
                "{\"name\": [], \"files\": []}",
                "{\"name\": \"other\", \"files\": []}",
                "{\"files\": [{\"filename\": \"a\\u0000b\"}]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ASSERT_INT(parse_refused(&demo, texts[i], EBADMSG), FAULT_INDEX_INVALID);
}

TEST(deep_json_is_refused) {
        _cleanup_builder_ Builder text = {};

        builder_add(&text, "{\"files\": ");
        for (size_t i = 0; i < 100000; i++)
                builder_add_char(&text, '[');
        ASSERT_INT(parse_refused(&demo, text.data, EBADMSG), FAULT_INDEX_INVALID);
}

TEST(newer_major_version_is_refused_and_newer_minor_is_not) {
        index_page_free(parse_ok(&demo, "{\"meta\": {\"api-version\": \"1.99\"}, \"files\": []}"));
        ASSERT_INT(parse_refused(&demo,
                                 "{\"meta\": {\"api-version\": \"2.0\"}, \"files\": []}",
                                 EPROTONOSUPPORT),
                   FAULT_INDEX_INVALID);
}

TEST(too_many_files_are_refused) {
        _cleanup_builder_ Builder text = {};

        builder_add(&text, "{\"files\": [");
        for (size_t i = 0; i <= INDEX_FILES_MAX; i++)
                builder_add(&text, i ? ",{\"filename\":\"x\"}" : "{\"filename\":\"x\"}");
        builder_add(&text, "]}");
        ASSERT_INT(parse_refused(&demo, text.data, EFBIG), FAULT_LIMIT_EXCEEDED);
}

TEST(many_skips_keep_few_reasons) {
        _cleanup_(index_page_freep) IndexPage *page = NULL;
        _cleanup_builder_ Builder text = {};

        builder_add(&text, "{\"files\": [");
        for (size_t i = 0; i < 1000; i++)
                builder_add(&text, i ? ",{\"filename\":\"x\"}" : "{\"filename\":\"x\"}");
        builder_add(&text, "]}");
        page = parse_ok(&demo, text.data);
        ASSERT_INT(page->n_skipped, 1000);
        ASSERT_INT(page->n_skips, INDEX_SKIPS_MAX);
}

TEST(form_is_told_from_first_byte_when_type_is_unknown) {
        IndexSource source = demo;

        source.content_type = "application/octet-stream";
        index_page_free(parse_ok(&source, "\n {\"files\": []}"));
        source.content_type = NULL;
        index_page_free(parse_ok(&source, "<!DOCTYPE html><html></html>"));
        ASSERT_INT(parse_refused(&source, "No such page.", EBADMSG), FAULT_INDEX_INVALID);
        source.content_type = "image/\x1b[2J";
        ASSERT_INT(parse_refused(&source, "GIF89a", EBADMSG), FAULT_INDEX_INVALID);
}

TEST(directory_listing_gives_files_of_the_project_only) {
        IndexSource source = {
                .name = "demo-package",
                .url = "file:///srv/wheels/",
                .content_type = INDEX_TYPE_DIRECTORY,
                .is_find_links = true,
        };
        _cleanup_(index_page_freep) IndexPage *page =
                        parse_ok(&source,
                                 "123\t1700000000000000\t" GOOD "\n"
                                 "5\t1\tother-1.0-py3-none-any.whl\n"
                                 "5\t1\tREADME.txt\n");

        ASSERT_INT(page->n_files, 1);
        ASSERT_STREQ(page->files[0].url, "file:///srv/wheels/" GOOD);
        ASSERT_INT(page->files[0].size_bytes, 123);
        ASSERT_INT(page->files[0].modified_usec, 1700000000000000);
        ASSERT_FALSE(page->files[0].has_digest);
}

TEST(page_of_an_absent_project_hides_credentials) {
        _cleanup_(index_page_freep) IndexPage *page = NULL;

        ASSERT_OK(index_page_new_empty("x", "https://user:secret@index.example/simple/x/", &page));
        ASSERT_STREQ(page->url, "https://index.example/simple/x/");
        ASSERT_INT(page->n_files, 0);
}

TEST(addresses_are_built) {
        _cleanup_(freep) char *page = index_page_url("https://index.example/simple///", "demo");
        IndexFile file = { .url = "https://index.example/x.whl?token=1" };
        _cleanup_(freep) char *metadata = index_file_metadata_url(&file);

        ASSERT_STREQ(page, "https://index.example/simple/demo/");
        ASSERT_STREQ(metadata, "https://index.example/x.whl.metadata?token=1");
}

TEST(file_names_are_cut_into_parts) {
        IndexFileKind kind;
        Text version, tags;

        ASSERT_OK(index_filename_parse(
                        "Demo.Package-1!2.0+local.1-7a-py2.py3-none-any.whl",
                        "demo-package",
                        &kind,
                        &version,
                        &tags));
        ASSERT_TRUE(text_equals_string(version, "1!2.0+local.1"));
        ASSERT_TRUE(text_equals_string(tags, "py2.py3-none-any"));
        ASSERT_OK(index_filename_parse(
                        "demo-package-v1.0-rc1.tar.bz2", "demo-package", &kind, &version, &tags));
        ASSERT_INT(kind, INDEX_FILE_SOURCE);
        ASSERT_TRUE(text_equals_string(version, "v1.0-rc1"));
        ASSERT_ERROR(index_filename_parse(
                                     "demo-package-.zip", "demo-package", &kind, &version, &tags),
                     ENXIO);
        ASSERT_ERROR(index_filename_parse("", "demo-package", &kind, &version, &tags), EINVAL);
        ASSERT_ERROR(index_filename_parse(
                                     "-1.0-py3-none-any.whl",
                                     "demo-package",
                                     &kind,
                                     &version,
                                     &tags),
                     ENXIO);
}
