// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/memory.h"
#include "package/unpack-request.h"
#include "test.h"

static int decode_with_script(const char *name) {
        ScriptEntry script = { (char *) name, (char *) "demo.cli", (char *) "main", false };
        const UnpackAnswer answer = { .name = (char *) "demo", .scripts = &script, .n_scripts = 1 };
        _cleanup_(unpack_answer_done) UnpackAnswer back = {};
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        ASSERT_OK(unpack_answer_encode(&answer, &data, &size));
        r = unpack_answer_decode(data, size, &back);
        if (r >= 0)
                ASSERT_STREQ(back.scripts[0].function, "main");
        return r;
}

TEST(script_names_that_leave_bin_are_refused) {
        ASSERT_OK(decode_with_script("demo-say"));
        ASSERT_ERROR(decode_with_script("../../.bashrc"), EBADMSG);
        ASSERT_ERROR(decode_with_script(".hidden"), EBADMSG);
        ASSERT_ERROR(decode_with_script("-rf"), EBADMSG);
        ASSERT_ERROR(decode_with_script(""), EBADMSG);
}

TEST(every_cut_of_an_answer_is_refused) {
        char *hooks[] = { (char *) "demo.pth", NULL };
        const UnpackAnswer answer = { .name = (char *) "demo",
                                      .startup_hooks = hooks,
                                      .n_files = 3 };
        _cleanup_(freep) void *data = NULL;
        size_t size;

        ASSERT_OK(unpack_answer_encode(&answer, &data, &size));
        for (size_t cut = 0; cut < size; cut++) {
                _cleanup_(unpack_answer_done) UnpackAnswer back = {};
                _cleanup_(freep) void *part = memory_copy(data, cut);
                ASSERT_TRUE(unpack_answer_decode(part, cut, &back) < 0);
        }
}
