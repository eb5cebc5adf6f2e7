// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "basic/text.h"
#include "package/index.h"
#include "test.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define WHEEL "demo-1.0-py3-none-any.whl"

static const IndexSource demo = {
        .name = "demo",
        .url = "https://index.example/simple/demo/",
        .content_type = "text/html; charset=utf-8",
};

static IndexPage *parse_ok(const char *text) {
        _cleanup_fault_ Fault fault = {};
        IndexPage *page = NULL;
        int r = index_page_parse(&demo, text, strlen(text), &page, &fault);

        if (r < 0)
                test_fail(__FILE__, __LINE__, "refused: %s: %s", text, fault.message);
        return page;
}

static void assert_refused(const char *text, size_t size, int error) {
        _cleanup_fault_ Fault fault = {};
        IndexPage *page = NULL;

        ASSERT_INT(index_page_parse(&demo, text, size, &page, &fault), -error);
        ASSERT_INT(fault.code, FAULT_INDEX_INVALID);
        ASSERT_NULL(page);
}

TEST(anchor_with_every_attribute_is_read) {
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(
                        "<!DOCTYPE html>\n<html><head><meta name=\"pypi:repository-version\" content=\"1.1\">"
                        "<meta name='pypi:project-status' content='deprecated'>"
                        "<meta name='pypi:project-status-reason' content='use &quot;new&quot;'>"
                        "<title>Links for <a href=\"evil-1.0-py3-none-any.whl\">demo</a></title></head><body>"
                        "<a href=\"../../files/" WHEEL "#md5=0&amp;sha256=" SHA_A "\""
                        " data-requires-python=\"&gt;=3.8,&lt;4\" data-yanked=\"bad &#38; worse &#xe9;\""
                        " data-dist-info-metadata=\"true\" data-core-metadata=\"sha256=" SHA_B
                        "\">" WHEEL "</a><br/>"
                        "<A HREF='https://files.example/demo-1.0.tar.gz' data-yanked>x</A>"
                        "</body></html>");

        ASSERT_STREQ(page->status, "deprecated");
        ASSERT_STREQ(page->status_reason, "use \"new\"");
        ASSERT_INT(page->n_files, 2);
        ASSERT_INT(page->n_skipped, 0);
        const IndexFile *file = page->files;
        ASSERT_STREQ(file->filename, WHEEL);
        ASSERT_STREQ(file->url, "https://index.example/files/" WHEEL);
        ASSERT_TRUE(file->has_digest && file->digest.bytes[0] == 0xaa);
        ASSERT_STREQ(file->requires_python, ">=3.8,<4");
        ASSERT_STREQ(file->yanked, "bad & worse \xc3\xa9");
        ASSERT_TRUE(file->has_metadata && file->has_metadata_digest);
        ASSERT_INT(file->metadata_digest.bytes[0], 0xbb);
        ASSERT_STREQ(page->files[1].yanked, "");
        ASSERT_INT(page->files[1].kind, INDEX_FILE_SOURCE);
}

TEST(base_address_moves_relative_links) {
        _cleanup_(index_page_freep) IndexPage *page =
                        parse_ok("<head><base href='/mirror/'><base href='/second/'></head>"
                                 "<a href=" WHEEL ">x</a><a href='//cdn.example/" WHEEL "'>x</a>");

        ASSERT_STREQ(page->files[0].url, "https://index.example/mirror/" WHEEL);
        ASSERT_STREQ(page->files[1].url, "https://cdn.example/" WHEEL);
}

TEST(base_address_that_is_hostile_refuses_the_page) {
        const char *text = "<base href='javascript:x'><a href='" WHEEL "'>x</a>";

        assert_refused(text, strlen(text), EBADMSG);
        text = "<base href='file:///etc/'><a href='" WHEEL "'>x</a>";
        assert_refused(text, strlen(text), EBADMSG);
}

TEST(names_are_decoded_from_the_url) {
        _cleanup_(index_page_freep) IndexPage *page =
                        parse_ok("<a href='demo-1.0%2Blocal-py3-none-any.whl'>x</a>");

        ASSERT_INT(page->n_files, 1);
        ASSERT_STREQ(page->files[0].filename, "demo-1.0+local-py3-none-any.whl");
        ASSERT_STREQ(page->files[0].url,
                     "https://index.example/simple/demo/demo-1.0%2Blocal-py3-none-any.whl");
}

TEST(path_tricks_in_encoded_names_are_skipped) {
        _cleanup_(index_page_freep) IndexPage *page =
                        parse_ok("<a href='..%2f..%2f" WHEEL "'>x</a>"
                                 "<a href='%00" WHEEL "'>x</a>"
                                 "<a href='%1b" WHEEL "'>x</a>"
                                 "<a href='javascript:" WHEEL "'>x</a>"
                                 "<a href='java&#x0a;script:/" WHEEL "'>x</a>");

        ASSERT_INT(page->n_files, 0);
}

TEST(comments_scripts_and_titles_hold_no_links) {
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(
                        "<!-- <a href='" WHEEL "'> --><?php <a href=x ?>"
                        "<script>if (a</b) x = \"<a href='" WHEEL "'></a>\";</scriptx></script >"
                        "<style><a href='" WHEEL
                        "'></style>a < b <3 <a>no href</a><abbr href='" WHEEL "'>");

        ASSERT_INT(page->n_files, 0);
        ASSERT_INT(page->n_skipped, 0);
}

TEST(attributes_of_odd_forms_are_read) {
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(
                        "<a\n\thref = \n'" WHEEL "' href='other' = == data-yanked / x=y>x</a>"
                        "<a data-x=a>b</a><a href=''>x</a><a href='?q'>x</a><a href=../>up</a>");

        ASSERT_INT(page->n_files, 1);
        ASSERT_STREQ(page->files[0].yanked, "");
}

TEST(entities_that_are_none_stay_text) {
        _cleanup_(index_page_freep) IndexPage *page = parse_ok(
                        "<a href='" WHEEL
                        "' data-yanked='&amp &; &#; &#x; &#xd800; &#1114112; &unknown; &'>x</a>");

        ASSERT_STREQ(page->files[0].yanked, "&amp &; &#; &#x; &#xd800; &#1114112; &unknown; &");
}

TEST(page_that_ends_too_early_is_refused) {
        static const char *const texts[] = {
                "<a href='" WHEEL "'>x</a><",
                "<a href='" WHEEL "'>x</a><a",
                "<a href='" WHEEL "'>x</a><a href",
                "<a href='" WHEEL "'>x</a><a href=",
                "<a href='" WHEEL "'>x</a><a href='x",
                "<a href='" WHEEL "'>x</a><a href=x",
                "<a href='" WHEEL "'>x</a><!-- ",
                "<a href='" WHEEL "'>x</a><!DOCTYPE",
                "<a href='" WHEEL "'>x</a></a",
                "<script>",
                "<title>x</titl",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_refused(texts[i], strlen(texts[i]), EBADMSG);
}

TEST(newer_major_version_is_refused) {
        const char *text = "<meta name='pypi:repository-version' content='2.0'>";

        assert_refused(text, strlen(text), EPROTONOSUPPORT);
}

TEST(values_with_nul_are_refused) {
        static const char text[] = "<a href='x\0y'>";

        assert_refused(text, sizeof(text) - 1, EBADMSG);
}
