// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/resolve-request.h"
#include "test.h"

TEST(request_comes_back_whole) {
        _cleanup_(resolve_request_done) ResolveRequest back = {};
        _cleanup_(freep) void *data = NULL;
        InterpreterRecord record = { (char *) "/usr/bin/python3.11",
                                     (char *) "1:2:3",
                                     (char *) "{}" };
        char *requirements[] = { (char *) "rich>=1", NULL }, *groups[] = { (char *) "docs", NULL };
        const ResolveRequest request = {
                .verb = RESOLVE_ADD,
                .has_project = true,
                .project_name = (char *) "demo",
                .requirements = requirements,
                .groups = groups,
                .python = (char *) "3.11",
                .interpreters = &record,
                .n_interpreters = 1,
                .index = { .index_url = (char *) "https://index.example/simple",
                           .n_requests_max = 10 },
                .locked = true,
        };
        size_t size;

        ASSERT_OK(resolve_request_encode(&request, &data, &size));
        ASSERT_OK(resolve_request_decode(data, size, &back));
        ASSERT_INT(back.verb, RESOLVE_ADD);
        ASSERT_STREQ(back.requirements[0], "rich>=1");
        ASSERT_STREQ(back.groups[0], "docs");
        ASSERT_NULL(back.extras);
        ASSERT_STREQ(back.interpreters[0].signature, "1:2:3");
        ASSERT_STREQ(back.index.index_url, "https://index.example/simple");
        ASSERT_TRUE(back.locked && !back.frozen && back.has_project);
        ASSERT_NULL(back.exclude_newer);
}

static int decode_answer(const ResolveAnswer *answer) {
        _cleanup_(resolve_answer_done) ResolveAnswer back = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(resolve_answer_encode(answer, &data, &size));
        return resolve_answer_decode(data, size, &back);
}

TEST(answer_that_writes_outside_the_project_is_refused) {
        static const char *const wrong[] = { "../pylock.toml", "a/b", ".bashrc", "" };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                ProjectFile file = { (char *) wrong[i], (char *) "text" };
                const ResolveAnswer answer = {
                        .outcome = RESOLVE_FAULT,
                        .files = &file,
                        .n_files = 1,
                };
                ASSERT_ERROR(decode_answer(&answer), EBADMSG);
        }
}

TEST(answer_without_what_its_outcome_promises_is_refused) {
        ASSERT_ERROR(decode_answer(&(ResolveAnswer){ .outcome = RESOLVE_SOLVED }), EBADMSG);
        ASSERT_ERROR(decode_answer(&(ResolveAnswer){ .outcome = RESOLVE_NEEDS_PROBE }), EBADMSG);
        ASSERT_OK(decode_answer(&(ResolveAnswer){ .outcome = RESOLVE_FAULT }));
}
