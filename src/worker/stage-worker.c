// SPDX-License-Identifier: LGPL-2.1-or-later

/* blast-stage: everything of an environment that blocks on the disk. It reads packets of ours only,
 * executes nothing and has no network; it writes where its user may, because uppers that are carried
 * forward and copies that are removed belong to that user. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "basic/channel.h"
#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "basic/packet.h"
#include "environment/fail-point.h"
#include "environment/stage-request.h"
#include "environment/stage.h"

/* As in package/request.h, which this layer does not know. */
enum {
        FD_REQUEST = 3,
        FD_ANSWER = 4,
        FD_DIRECTORY = 5,
        FD_TREES = 6
};

static int choose(uint32_t number, StageAnswer *answer) {
        int r;

        r = generation_choose(FD_DIRECTORY, number, &answer->fault);
        if (r < 0)
                return r;
        fail_point_reach("stage-chosen", true);
        return 0;
}

static int make(StageRequest *request, StageAnswer *answer) {
        int r;

        r = generation_stage(FD_DIRECTORY, FD_TREES, &request->draft, &answer->fault);
        if (r < 0)
                return r;
        answer->carried = TAKE_PTR(request->draft.record.carried);
        answer->warnings = TAKE_PTR(request->draft.record.warnings);
        fail_point_reach("stage-made", true);
        return choose(request->draft.record.number, answer);
}

/* Only what trees brought: what programs wrote into the upper has run behind walls, and stays there. */
static int show(const StageRequest *request) {
        _cleanup_close_ int fd = -EBADF;

        if (!request->name)
                return -EBADMSG;
        fd = file_open_beneath(FD_DIRECTORY, request->name, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        if (syncfs(fd) < 0)
                return -errno;
        fail_point_reach("copy-made", true);
        if (renameat2(FD_DIRECTORY, request->name, FD_DIRECTORY, "lib", RENAME_NOREPLACE) < 0)
                return -errno;
        fail_point_reach("copy-shown", true);
        return fsync(FD_DIRECTORY) < 0 ? -errno : 0;
}

static int remove_names(const StageRequest *request) {
        int r = 0;

        FOREACH_TEXT(name, request->names) {
                int error = tree_remove_at(FD_DIRECTORY, name);
                if (error < 0)
                        r = error; /* the others are removed all the same */
        }
        return r;
}

static int act(StageRequest *request, StageAnswer *answer) {
        switch (request->verb) {
        case STAGE_MAKE:
                return make(request, answer);
        case STAGE_CHOOSE:
                return choose(request->number, answer);
        case STAGE_SHOW:
                return show(request);
        default:
                return remove_names(request);
        }
}

static int answer_send(const StageAnswer *answer) {
        _cleanup_(freep) void *data = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        r = stage_answer_encode(answer, &data, &size);
        if (r < 0)
                return r;
        fd = memfd_new_sealed("answer", data, size);
        if (fd < 0)
                return fd;
        r = (int) channel_send(FD_ANSWER, "A", 1, &fd, 1);
        return r < 0 ? r : 0;
}

int main(int argc, char **argv) {
        _cleanup_stage_request_ StageRequest request = {};
        _cleanup_stage_answer_ StageAnswer answer = {};
        const void *data;
        size_t size;
        int r;

        log_open("blast-stage");
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return EXIT_FAILURE;
        r = memfd_map_sealed(FD_REQUEST, PACKET_SIZE_MAX, &data, &size);
        if (r >= 0)
                r = stage_request_decode(data, size, &request);
        if (r < 0) {
                log_error("blast-stage: no request: %s.", strerror(-r));
                return EXIT_FAILURE;
        }
        r = act(&request, &answer);
        if (r < 0)
                (void) fault_set(
                                &answer.fault,
                                r,
                                fault_code_from_errno(r),
                                NULL,
                                "The files of the environment cannot be changed: %s.",
                                strerror(-r));
        r = answer_send(&answer);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
