// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/request.h"
#include "test.h"

TEST(request_comes_back_as_it_was_sent) {
        _cleanup_(materialise_request_done) MaterialiseRequest read = {};
        _cleanup_(freep) void *data = NULL;
        MaterialiseItem items[] = {
                { .source = (char *) "abc/site-packages", .destination = (char *) "lib/x" },
                { .is_bytecode = true, .source = (char *) "abc-tag", .destination = (char *) "" },
        };
        const MaterialiseRequest sent = {
                .items = items,
                .n_items = ELEMENTSOF(items),
                .link_mode = LINK_HARD,
                .is_flushed = true,
        };
        size_t size;

        ASSERT_OK(materialise_request_encode(&sent, &data, &size));
        ASSERT_OK(materialise_request_decode(data, size, &read));
        ASSERT_INT(read.n_items, 2);
        ASSERT_STREQ(read.items[0].source, "abc/site-packages");
        ASSERT_STREQ(read.items[1].destination, "");
        ASSERT_TRUE(read.items[1].is_bytecode && !read.items[0].is_bytecode);
        ASSERT_INT(read.link_mode, LINK_HARD);
        ASSERT_TRUE(read.is_flushed);
}

TEST(paths_that_leave_their_directory_are_refused) {
        static const char *const bad[] = { "/etc", "..", "a/../b", "a//b", "a/", "./a", "" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(materialise_request_done) MaterialiseRequest read = {};
                _cleanup_(freep) void *data = NULL;
                MaterialiseItem item = { .source = (char *) bad[i], .destination = (char *) "x" };
                const MaterialiseRequest sent = { .items = &item, .n_items = 1 };
                size_t size;

                ASSERT_OK(materialise_request_encode(&sent, &data, &size));
                ASSERT_ERROR(materialise_request_decode(data, size, &read), EBADMSG);
        }
}

TEST(unknown_link_mode_and_other_kinds_are_refused) {
        _cleanup_(freep) void *data = NULL, *other = NULL;
        const MaterialiseRequest sent = { .link_mode = _LINK_MODE_MAX };
        const UnpackRequest unpack = { .filename = (char *) "x.whl" };
        MaterialiseRequest read = {};
        size_t size;

        ASSERT_OK(materialise_request_encode(&sent, &data, &size));
        ASSERT_ERROR(materialise_request_decode(data, size, &read), EBADMSG);
        ASSERT_OK(unpack_request_encode(&unpack, &other, &size));
        ASSERT_ERROR(materialise_request_decode(other, size, &read), EBADMSG);
}

TEST(answer_and_progress_come_back_as_they_were_sent) {
        _cleanup_(materialise_answer_done) MaterialiseAnswer read = {};
        const MaterialiseAnswer sent = {
                .n_files = 3, .n_cloned = 2, .n_linked = 1, .size_bytes = 9
        };
        const MaterialiseProgress told = { .n_items_done = 1, .n_files_done = 2, .done_bytes = 3 };
        _cleanup_(freep) void *data = NULL, *packet = NULL;
        MaterialiseProgress heard = {};
        size_t size;

        ASSERT_OK(materialise_answer_encode(&sent, &data, &size));
        ASSERT_OK(materialise_answer_decode(data, size, &read));
        ASSERT_INT(read.n_files + read.n_cloned + read.n_linked + read.size_bytes, 15);
        ASSERT_OK(materialise_progress_encode(&told, &packet, &size));
        ASSERT_OK(materialise_progress_decode(packet, size, &heard));
        ASSERT_INT(heard.done_bytes, 3);
        ASSERT_ERROR(materialise_progress_decode(data, 8, &heard), EBADMSG);
}
