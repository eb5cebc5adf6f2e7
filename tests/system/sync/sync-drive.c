// SPDX-License-Identifier: LGPL-2.1-or-later

/* Carries out goals without a bus, for test_sync.py and test_recovery.py: one coordinator, one environment,
 * one goal after the other, and everything that is to be seen printed as lines of words.
 *
 *     sync-drive PROJECT VERB [ARGUMENT…] [+ VERB [ARGUMENT…]]…       "&" for "+": without waiting
 *
 * Directories come from STATE_DIRECTORY, CACHE_DIRECTORY, RUNTIME_DIRECTORY; the index from INDEX_URL; "@" in
 * place of a project is none. Verbs are those of goals, and "dry-run", "offline-sync", "frozen-sync",
 * "locked-sync", "settle" (wait until nothing is made in the background),
 * "kill SIGNAL" (all programs), "show". */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/log.h"
#include "basic/memory.h"
#include "sync/coordinator.h"
#include "sync/run.h"

typedef struct Drive {
        sd_event *event;
        Coordinator *coordinator;
        Environment *environment;
        int project_fd;
        unsigned n_pending; /* jobs that were started and have not ended */
        Job *last;
        bool has_failed;
        char phase[32];
} Drive;

static int open_directory(const char *variable) {
        const char *path = getenv(variable);

        if (!path || (mkdir(path, 0700) < 0 && errno != EEXIST))
                return -EINVAL;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static void print_fault(const Fault *fault) {
        if (!fault_is_set(fault))
                return;
        printf("fault %s [%s] %s\n",
               fault_code_to_string(fault->code),
               fault->subject ?: "",
               fault->message ?: "");
        if (fault->hint)
                printf("hint %s\n", fault->hint);
}

static void on_job_changed(Job *job, void *userdata) {
        Drive *drive = userdata;

        if (streq(drive->phase, job_get_phase(job)))
                return;
        (void) snprintf(drive->phase, sizeof(drive->phase), "%s", job_get_phase(job));
        printf("phase %s\n", drive->phase);
}

/* As the client does, as the user. */
static void write_files(const Drive *drive, const Job *job) {
        size_t n;
        const ProjectFile *files = job_get_files(job, &n);

        for (size_t i = 0; i < n; i++) {
                bool is_written = !job_get_goal(job)->is_dry_run;
                printf("file %s%s\n", files[i].name, is_written ? "" : " (not written)");
                if (is_written &&
                    file_replace_at(drive->project_fd,
                                    files[i].name,
                                    files[i].text,
                                    strlen(files[i].text),
                                    0644) < 0)
                        printf("error cannot write %s\n", files[i].name);
        }
}

static void print_plan(const Plan *plan) {
        for (size_t i = 0; plan && i < plan_count(plan); i++) {
                const PlanStep *step = plan_get(plan, i);
                printf("change %s %s %s %s\n",
                       plan_action_to_string(step->action),
                       step->name,
                       *step->old_version ? step->old_version : "-",
                       *step->new_version ? step->new_version : "-");
        }
}

static void on_job_ended(Job *job, void *userdata) {
        Drive *drive = userdata;

        printf("job %s %s\n", goal_verb_to_string(job_get_goal(job)->verb), job_get_result(job));
        print_fault(job_get_fault(job));
        print_plan(job_get_plan(job));
        FOREACH_TEXT(warning, job_get_warnings(job))
                printf("warning %s\n", warning);
        if (job_get_goal(job)->verb == GOAL_RUN)
                printf("status %d\n", job_get_exit_status(job));
        if (*job_get_output(job))
                printf("output %s\n", job_get_output(job));
        write_files(drive, job);
        drive->has_failed |= job_get_state(job) != JOB_DONE;
        drive->n_pending--;
        if (drive->last == job)
                drive->last = NULL;
        (void) fflush(stdout);
}

static void on_environment_removed(Environment *environment, void *userdata) {
        Drive *drive = userdata;

        if (drive->environment == environment)
                drive->environment = NULL;
}

static int open_project(Drive *drive, const char *path) {
        Fault fault = {};
        int r;

        if (streq(path, "@"))
                return 0;
        drive->project_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (drive->project_fd < 0)
                return -errno;
        r = coordinator_open_project(
                        drive->coordinator, drive->project_fd, "", &fault, &drive->environment);
        print_fault(&fault);
        fault_done(&fault);
        return r;
}

static int start(Drive *drive, const char *project) {
        const CoordinatorDirectories directories = {
                .state_fd = open_directory("STATE_DIRECTORY"),
                .state_path = getenv("STATE_DIRECTORY"),
                .cache_fd = open_directory("CACHE_DIRECTORY"),
                .cache_path = getenv("CACHE_DIRECTORY"),
                .runtime_fd = open_directory("RUNTIME_DIRECTORY"),
                .runtime_path = getenv("RUNTIME_DIRECTORY"),
        };
        static const CoordinatorObserver observer = {
                .on_environment_removed = on_environment_removed,
                .on_job_changed = on_job_changed,
                .on_job_ended = on_job_ended,
        };
        Fault fault = {};
        int r;

        if (directories.state_fd < 0 || directories.cache_fd < 0 || directories.runtime_fd < 0)
                return -EINVAL;
        r = sd_event_default(&drive->event);
        if (r < 0)
                return r;
        r = coordinator_new(drive->event, &directories, &fault, &drive->coordinator);
        (void) close(directories.state_fd);
        (void) close(directories.cache_fd);
        (void) close(directories.runtime_fd);
        print_fault(&fault);
        fault_done(&fault);
        if (r < 0)
                return r;
        coordinator_observe(drive->coordinator, &observer, drive);
        return open_project(drive, project);
}

static int parse_verb(const char *word, Goal **ret) {
        GoalVerb verb = GOAL_SYNC;
        Goal *goal;

        for (GoalVerb v = 0; v < _GOAL_VERB_MAX; v++)
                if (streq(word, goal_verb_to_string(v)))
                        verb = v;
        goal = goal_new(verb);
        if (!goal)
                return -ENOMEM;
        goal->is_dry_run = streq(word, "dry-run");
        goal->wish.index.offline = streq(word, "offline-sync");
        goal->wish.frozen = streq(word, "frozen-sync");
        goal->wish.locked = streq(word, "locked-sync");
        if (getenv("INDEX_URL")) {
                free(goal->wish.index.index_url);
                goal->wish.index.index_url = strdup(getenv("INDEX_URL"));
        }
        if (getenv("PYTHON"))
                goal->wish.python = strdup(getenv("PYTHON"));
        goal->wish.index.n_retries = 0;
        goal->wish.index.page_age_max_sec = 0;
        *ret = goal;
        return 0;
}

static int give_arguments(Goal *goal, char **arguments) {
        int r = 0;

        if (goal->verb == GOAL_ROLLBACK && arguments[0])
                goal->generation = (uint32_t) atoi(arguments[0]);
        for (; r >= 0 && *arguments; arguments++)
                r = strings_add(goal->verb == GOAL_RUN ? &goal->argv : &goal->wish.requirements,
                                *arguments);
        return r;
}

static int act(Drive *drive, char **words) {
        Fault fault = {};
        Goal *goal;
        Job *job;
        int r;

        r = parse_verb(words[0], &goal);
        if (r >= 0)
                r = give_arguments(goal, words + 1);
        if (r < 0)
                return r;
        drive->phase[0] = '\0';
        r = coordinator_start(
                        drive->coordinator,
                        goal->verb == GOAL_COLLECT ? NULL : drive->environment,
                        goal,
                        &fault,
                        &job);
        print_fault(&fault);
        fault_done(&fault);
        if (r < 0) {
                drive->has_failed = true;
                return 0;
        }
        drive->n_pending++;
        drive->last = job;
        return 0;
}

/* Runs the loop until every job has ended; CANCEL_AT=<phase> cancels the last one when it gets there. */
static int wait_for_jobs(Drive *drive) {
        const char *cancel_at = getenv("CANCEL_AT");
        int r = 0;

        while (r >= 0 && drive->n_pending > 0) {
                Fault fault = {};
                r = sd_event_run(drive->event, UINT64_MAX);
                if (drive->last && cancel_at && streq(drive->phase, cancel_at)) {
                        cancel_at = NULL;
                        printf("cancel %s\n",
                               job_cancel(drive->last, &fault) < 0 ? "refused" : "taken");
                        print_fault(&fault);
                        fault_done(&fault);
                }
        }
        return r;
}

static int settle(Drive *drive) {
        int r = 0;

        while (r >= 0 && !coordinator_is_idle(drive->coordinator))
                r = sd_event_run(drive->event, 100 * USEC_PER_MSEC);
        return r;
}

static void show(const Drive *drive) {
        const Environment *environment = drive->environment;
        const Lock *lock = environment_get_lock(environment);

        printf("environment %s %s\n",
               environment_get_record(environment)->id,
               environment_state_to_string(environment_get_state(environment)));
        printf("path %s\n", environment_get_record(environment)->path);
        printf("generation %u\n", environment_get_generation_number(environment));
        printf("venv %s\n", venv_state_to_string(environment_get_venv_state(environment)));
        for (size_t i = 0; lock && i < lock->n_packages; i++)
                printf("package %s %s%s\n",
                       lock->packages[i].name,
                       lock->packages[i].version,
                       lock->packages[i].is_direct ? " direct" : "");
}

static int act_on(Drive *drive, char **words, bool is_waited_for) {
        int r;

        if (streq(words[0], "settle"))
                return settle(drive);
        if (streq(words[0], "kill")) {
                uint32_t n;
                return run_signal(drive->environment, 0, atoi(words[1]), NULL, &n);
        }
        if (streq(words[0], "show")) {
                show(drive);
                return 0;
        }
        r = act(drive, words);
        return r < 0 || !is_waited_for ? r : wait_for_jobs(drive);
}

int main(int argc, char **argv) {
        Drive drive = { .project_fd = -EBADF };
        int r;

        log_open("sync-drive");
        if (argc < 3)
                return 2;
        r = start(&drive, argv[1]);
        for (int i = 2; r >= 0 && i < argc;) {
                int n = i;
                while (n < argc && !streq(argv[n], "+") && !streq(argv[n], "&"))
                        n++;
                bool is_waited_for = n == argc || streq(argv[n], "+");
                argv[n] = NULL; /* argv[argc] is NULL already */
                r = act_on(&drive, argv + i, is_waited_for);
                i = n + 1;
        }
        if (r < 0)
                printf("error %s\n", strerror(-r));
        (void) coordinator_free(drive.coordinator);
        (void) sd_event_unref(drive.event);
        return r < 0 ? 2 : drive.has_failed ? 1 : 0;
}
