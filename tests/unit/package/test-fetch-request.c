// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/fetch-request.h"
#include "test.h"

TEST(settings_are_copied_with_all_lists) {
        _cleanup_(index_settings_done) IndexSettings copy = {};
        char *extra[] = { (char *) "https://one.example", NULL };
        char *proxies[] = { (char *) "https_proxy=http://proxy.example:1", NULL };
        const IndexSettings settings = {
                .index_url = (char *) "https://index.example/simple",
                .extra_index_urls = extra,
                .proxies = proxies,
                .timeout_sec = 30,
                .page_age_max_sec = 600,
                .verify_tls = true,
        };

        ASSERT_OK(index_settings_copy(&settings, &copy));
        ASSERT_STREQ(copy.index_url, settings.index_url);
        ASSERT_STREQ(copy.extra_index_urls[0], extra[0]);
        ASSERT_STREQ(copy.proxies[0], proxies[0]);
        ASSERT_NULL(copy.find_links);
        ASSERT_INT(copy.page_age_max_sec, 600);
        ASSERT_TRUE(copy.verify_tls && !copy.offline);
}

TEST(packets_of_other_kinds_are_told_apart) {
        const FetchProgress progress = { .id = 7, .done_bytes = 1, .total_bytes = 2 };
        _cleanup_(fetch_answer_done) FetchAnswer answer = {};
        _cleanup_(freep) void *data = NULL;
        FetchProgress back;
        size_t size;

        ASSERT_OK(fetch_progress_encode(&progress, &data, &size));
        ASSERT_ERROR(fetch_answer_decode(data, size, &answer), EBADMSG);
        ASSERT_OK(fetch_progress_decode(data, size, &back));
        ASSERT_INT(back.id, 7);
        ASSERT_INT(back.total_bytes, 2);
}

TEST(answer_carries_its_fault) {
        _cleanup_(fetch_answer_done) FetchAnswer answer = { .id = 3, .status = 404 }, back = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        (void) fault_set(
                        &answer.fault, -ENOENT, FAULT_INDEX_NOT_FOUND, "demo", "There is no demo.");
        ASSERT_OK(fetch_answer_encode(&answer, &data, &size));
        ASSERT_OK(fetch_answer_decode(data, size, &back));
        ASSERT_INT(back.fault.code, FAULT_INDEX_NOT_FOUND);
        ASSERT_STREQ(back.fault.message, "There is no demo.");
        ASSERT_INT(back.status, 404);
}

TEST(request_without_a_url_is_refused) {
        _cleanup_(fetch_request_done) FetchRequest back = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(fetch_request_encode(&(FetchRequest){ .kind = FETCH_PAGE }, &data, &size));
        ASSERT_ERROR(fetch_request_decode(data, size, &back), EBADMSG);
}
