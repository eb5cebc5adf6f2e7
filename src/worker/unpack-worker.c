// SPDX-License-Identifier: LGPL-2.1-or-later

/* How it works
 *
 * Two kinds of requests, told apart by the magic of the packet:
 *
 *   UnpackRequest        wheel (5) → empty staging directory (6). The digest of the whole archive is
 *                        computed before a byte is believed, then package/wheel.c opens and checks,
 *                        package/wheel-unpack.c writes, and the answer is laid beside it as "facts".
 *   MaterialiseRequest   trees/ (6) and bytecode/ (7) → directory of the user (5): materialise.c.
 *
 * Flushing [14]. A tree must be on disk before the rename that publishes it. One syncfs(2) at the end
 * does it: fsync of each file asks the journal for a commit per file, where syncfs needs one for all
 * (ext4, 1,000 files of 8 KB: 625 ms against 18 ms). It also writes what others left dirty on the file
 * system, which is the price. A caller with many wheels sets is_flushed_later and asks for one flush at
 * the end (a MaterialiseRequest without items): 151 wheels with 1.1 GB took 5.2 to 7.9 s flushed one
 * by one, 5.2 s flushed together, and 4.4 s without (two processes, ext4, kernel 6.18).
 *
 * The archive is mapped, never copied: whoever can write to the download directory could change it
 * between its digest and its use. That is the store's own uid; a change is noticed all the same by
 * the file's change time, and each file is checked against RECORD as it is inflated.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/memory.h"
#include "package/request.h"
#include "package/wheel.h"
#include "worker/materialise.h"
#include "worker/worker.h"

enum {
        FD_WHEEL = WORKER_FD_FIRST,
        FD_STAGING,

        FD_DESTINATION = WORKER_FD_FIRST,
        FD_TREES,
        FD_BYTECODE,
};

typedef struct State {
        bool is_materialise;
        UnpackRequest unpack;
        MaterialiseRequest materialise;
} State;

static void state_done(void *userdata) {
        State *state = userdata;

        if (!state)
                return;
        unpack_request_done(&state->unpack);
        materialise_request_done(&state->materialise);
        free(state);
}

static int allow_materialise(State *state, ConfineRules *rules) {
        int r;

        r = confine_allow_writing(rules, FD_DESTINATION);
        if (r < 0 || state->materialise.n_items == 0)
                return r;
        if (state->materialise.link_mode == LINK_HARD) {
                /* Landlock lets a link arrive only where the file cannot be used for more than it
                 * could before, so both sides must be alike. */
                rules->makes_links = true;
                r = confine_allow_writing(rules, FD_TREES);
                if (r < 0)
                        return r;
                return confine_allow_writing(rules, FD_BYTECODE);
        }
        r = confine_allow_reading(rules, FD_TREES);
        if (r < 0)
                return r;
        return confine_allow_reading(rules, FD_BYTECODE);
}

static int prepare(const void *request, size_t size_bytes, ConfineRules *rules, void **ret_state) {
        _cleanup_(freep) State *state = new0(State, 1);
        int r;

        if (!state)
                return -ENOMEM;
        /* Modes are given at creation; a file that is too large is an error, not a signal. */
        (void) umask(0);
        (void) signal(SIGXFSZ, SIG_IGN);
        r = materialise_request_decode(request, size_bytes, &state->materialise);
        if (r >= 0) {
                state->is_materialise = true;
                r = allow_materialise(state, rules);
        } else {
                r = unpack_request_decode(request, size_bytes, &state->unpack);
                if (r >= 0)
                        r = confine_allow_writing(rules, FD_STAGING);
        }
        if (r < 0) {
                state_done(TAKE_PTR(state));
                return r;
        }
        *ret_state = TAKE_PTR(state);
        return 0;
}

/* A failed call on the archive itself. */
static int explain(const UnpackRequest *request, Fault *fault, int r, const char *what) {
        return fault_set(
                        fault,
                        r,
                        fault_code_from_errno(r),
                        request->filename,
                        "Cannot %s '%s': %s.",
                        what,
                        request->filename,
                        strerror(-r));
}

static int check_digest(const UnpackRequest *request, const void *data, size_t size, Fault *fault) {
        char hex[DIGEST_HEX_SIZE], wanted[DIGEST_HEX_SIZE];
        Digest digest;
        int r;

        r = digest_of_bytes(data, size, &digest);
        if (r < 0)
                return r;
        if (digest_equals(&digest, &request->digest))
                return 0;
        return fault_set(
                        fault,
                        -EBADMSG,
                        FAULT_HASH_MISMATCH,
                        request->filename,
                        "'%s' has the SHA-256 %s, but %s was expected.",
                        request->filename,
                        digest_to_hex(&digest, hex),
                        digest_to_hex(&request->digest, wanted));
}

static int
unpack_mapped(const UnpackRequest *request,
              const void *data,
              size_t size,
              UnpackAnswer *answer,
              Fault *fault) {
        const ZipLimits limits = {
                .size_max_bytes = request->size_max_bytes,
                .n_members_max = request->n_files_max,
        };
        _cleanup_(wheel_freep) Wheel *wheel = NULL;
        int r;

        r = check_digest(request, data, size, fault);
        if (r < 0)
                return r;
        r = wheel_open(data, size, request->filename, &limits, &wheel, fault);
        if (r < 0)
                return r;
        return wheel_unpack(wheel, FD_STAGING, answer, fault);
}

static bool is_unchanged(const struct stat *before) {
        struct stat now;

        return fstat(FD_WHEEL, &now) >= 0 && now.st_size == before->st_size &&
                        now.st_ctim.tv_sec == before->st_ctim.tv_sec &&
                        now.st_ctim.tv_nsec == before->st_ctim.tv_nsec;
}

/* Lays the answer beside the tree and brings all of it to the disk. */
static int seal_tree(const UnpackRequest *request, const UnpackAnswer *answer, Fault *fault) {
        _cleanup_(freep) void *facts = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size = 0;
        int r;

        r = unpack_answer_encode(answer, &facts, &size);
        if (r < 0)
                return r;
        fd = file_open_beneath(FD_STAGING, "facts", O_WRONLY | O_CREAT | O_EXCL, 0444);
        if (fd < 0)
                return explain(request, fault, fd, "write the facts of");
        r = file_write_all(fd, facts, size);
        if (r < 0)
                return explain(request, fault, r, "write the facts of");
        if (!request->is_flushed_later && syncfs(fd) < 0)
                return explain(request, fault, -errno, "flush the files of");
        return 0;
}

static int unpack(const UnpackRequest *request, UnpackAnswer *answer, Fault *fault) {
        struct stat status;
        void *data;
        int r;

        if (fstat(FD_WHEEL, &status) < 0)
                return explain(request, fault, -errno, "look at");
        if (!S_ISREG(status.st_mode) || status.st_size == 0)
                return explain(request, fault, -EBADMSG, "read");
        data = mmap(NULL, (size_t) status.st_size, PROT_READ, MAP_PRIVATE, FD_WHEEL, 0);
        if (data == MAP_FAILED)
                return explain(request, fault, -errno, "map");
        r = unpack_mapped(request, data, (size_t) status.st_size, answer, fault);
        (void) munmap(data, (size_t) status.st_size);
        if (r < 0)
                return r;
        if (!is_unchanged(&status))
                return explain(request,
                               fault,
                               -EBUSY,
                               "trust a file that changes while it is read,");
        return seal_tree(request, answer, fault);
}

static int run_unpack(State *state, void **ret_answer, size_t *ret_size_bytes) {
        _cleanup_(unpack_answer_done) UnpackAnswer answer = {};
        _cleanup_fault_ Fault fault = {};
        int r;

        r = unpack(&state->unpack, &answer, &fault);
        if (r < 0 && !fault_is_set(&fault))
                r = explain(&state->unpack, &fault, r, "unpack");
        if (r < 0) {
                unpack_answer_done(&answer);
                answer.fault = TAKE(fault, (Fault){});
        }
        return unpack_answer_encode(&answer, ret_answer, ret_size_bytes);
}

static int run_materialise(State *state, void **ret_answer, size_t *ret_size_bytes) {
        _cleanup_(materialise_answer_done) MaterialiseAnswer answer = {};
        const MaterialiseRoots roots = {
                .destination_fd = FD_DESTINATION,
                .trees_fd = FD_TREES,
                .bytecode_fd = FD_BYTECODE,
        };

        materialise(&state->materialise, &roots, &answer);
        return materialise_answer_encode(&answer, ret_answer, ret_size_bytes);
}

static int run(void *userdata, void **ret_answer, size_t *ret_size_bytes) {
        State *state = userdata;

        return state->is_materialise ? run_materialise(state, ret_answer, ret_size_bytes)
                                     : run_unpack(state, ret_answer, ret_size_bytes);
}

int main(int argc, char **argv) {
        const WorkerRole role = {
                .name = "blast-unpack",
                .writes_files = true,
                .prepare = prepare,
                .run = run,
                .done = state_done,
        };

        return worker_main(&role, argc, argv);
}
