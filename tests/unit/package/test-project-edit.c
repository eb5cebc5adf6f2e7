// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "package/project-edit.h"
#include "test.h"

static void
add_to(ProjectEditKind kind, const char *text, const char *requirement, const char *wanted) {
        _cleanup_(freep) char *edited = NULL;
        _cleanup_fault_ Fault fault = {};
        int r;

        r = project_edit_add(kind, text_of(text), "my-project", requirement, &edited, &fault);
        if (r < 0)
                test_fail(__FILE__, __LINE__, "%s: %s", fault.subject, fault.message);
        ASSERT_STREQ(edited, wanted);
        ASSERT_INT(r, strcmp(text, wanted) != 0);
}

static void
remove_from(ProjectEditKind kind, const char *text, const char *name, const char *wanted) {
        _cleanup_(freep) char *edited = NULL;
        int r;

        r = project_edit_remove(kind, text_of(text), name, &edited, NULL);
        ASSERT_OK(r);
        ASSERT_STREQ(edited, wanted);
        ASSERT_INT(r, strcmp(text, wanted) != 0);
}

#define HEAD "[project]\nname = \"a\"\n"

static void add(const char *array, const char *requirement, const char *wanted) {
        char before[1024], after[1024];

        (void) snprintf(before, sizeof(before), HEAD "dependencies = %s # end\n[x]\n", array);
        (void) snprintf(after, sizeof(after), HEAD "dependencies = %s # end\n[x]\n", wanted);
        add_to(PROJECT_EDIT_PYPROJECT, before, requirement, after);
}

static void take(const char *array, const char *name, const char *wanted) {
        char before[1024], after[1024];

        (void) snprintf(before, sizeof(before), HEAD "dependencies = %s # end\n[x]\n", array);
        (void) snprintf(after, sizeof(after), HEAD "dependencies = %s # end\n[x]\n", wanted);
        remove_from(PROJECT_EDIT_PYPROJECT, before, name, after);
}

TEST(add_on_one_line_stays_on_it) {
        add("[\"x\"]", "y>=1", "[\"x\", \"y>=1\"]");
        add("['x', ]", "y", "['x', 'y', ]");
        add("[ 'x' ]", "y", "[ 'x', 'y' ]");
}

TEST(add_to_lines_is_one_more_line_with_their_indent) {
        add("[\n  \"x\", # why\n  # more\n]", "y", "[\n  \"x\", # why\n  \"y\",\n  # more\n]");
        add("[\n\t'x' # why\n]", "y", "[\n\t'x', # why\n\t'y',\n]");
        add("[\n  \"x\",\n  \"z\"]", "y", "[\n  \"x\",\n  \"z\",\n  \"y\",]");
        add("[\"x\",\n \"z\"\n , # odd\n]", "y", "[\"x\",\n \"z\"\n , # odd\n \"y\",\n]");
}

TEST(add_to_an_empty_array_opens_it) {
        add("[]", "y", "[\n    \"y\",\n]");
        add("[ ]", "y", "[\n    \"y\",\n]");
        add("[\n  # nothing yet\n]", "y", "[\n  # nothing yet\n    \"y\",\n]");
}

TEST(add_of_a_known_name_replaces_it) {
        add("[\"X.y>=1\", \"z\"]", "x-y>=2", "[\"x-y>=2\", \"z\"]");
        add("['x>=1']", "x>=2", "['x>=2']");
        add("[\"x\"]", "x; os_name == \"nt\"", "[\"x\", 'x; os_name == \"nt\"']");
        add("[\"x; os_name == 'nt'\"]", "x>1; os_name=='nt'", "[\"x>1; os_name=='nt'\"]");
        add("[\"x\"]", "x", "[\"x\"]");
}

TEST(add_makes_what_is_missing) {
        add_to(PROJECT_EDIT_PYPROJECT,
               "",
               "y",
               "[project]\nname = \"my-project\"\nversion = \"0.1.0\"\ndependencies = [\n    \"y\",\n]\n");
        add_to(PROJECT_EDIT_PYPROJECT,
               "[tool.x]\na = 1",
               "y",
               "[tool.x]\na = 1\n\n[project]\nname = \"my-project\"\nversion = \"0.1.0\"\ndependencies = [\n    \"y\",\n]\n");
        add_to(PROJECT_EDIT_PYPROJECT,
               "[project] # p\nname = 'a' # n\n\n[tool.x]\n",
               "y",
               "[project] # p\nname = 'a' # n\ndependencies = [\n    \"y\",\n]\n\n[tool.x]\n");
        add_to(PROJECT_EDIT_PYPROJECT,
               "[project]\r\nname = 'a'",
               "y",
               "[project]\r\nname = 'a'\r\ndependencies = [\r\n    \"y\",\r\n]\r\n");
}

TEST(add_that_cannot_be_is_refused) {
        _cleanup_(freep) char *edited = NULL;
        _cleanup_fault_ Fault fault = {}, second = {};

        ASSERT_ERROR(project_edit_add(
                                     PROJECT_EDIT_PYPROJECT,
                                     text_of("[project]\nname = 'a'\ndynamic = ['dependencies']\n"),
                                     "a",
                                     "y",
                                     &edited,
                                     &fault),
                     EINVAL);
        ASSERT_STREQ(fault.subject, "pyproject.toml:3");
        ASSERT_ERROR(project_edit_add(
                                     PROJECT_EDIT_PYPROJECT,
                                     text_of(""),
                                     "a",
                                     "y >>= 1",
                                     &edited,
                                     &second),
                     EINVAL);
        ASSERT_INT(second.code, FAULT_PROJECT_SYNTAX);
}

TEST(remove_takes_item_comma_and_comment) {
        take("[\"x\"]", "x", "[]");
        take("[\"x\", \"y\"]", "x", "[\"y\"]");
        take("[\"x\", \"y\"]", "y", "[\"x\"]");
        take("[\"x\", \"y\", ]", "y", "[\"x\", ]");
        take("[\"x\", \"y\", \"z\"]", "Y", "[\"x\", \"z\"]");
        take("[\n  \"x\", # why\n  \"y\",\n]", "x", "[\n  \"y\",\n]");
        take("[\n  \"x\",\n  \"y\" # last\n]", "y", "[\n  \"x\",\n]");
        take("[\n  \"x\",\n  \"y\"]", "y", "[\n  \"x\"]");
        take("[\"x; os_name=='nt'\", \"z\", \"x; os_name!='nt'\"]", "x", "[\"z\"]");
        take("[\"x\"]", "none", "[\"x\"]");
}

TEST(requirements_are_added_replaced_and_removed) {
        static const char text[] =
                        "# head\nx>=1 # why\n-r other.txt\ny==1 \\\n  --hash=sha256:00\nz";

        add_to(PROJECT_EDIT_REQUIREMENTS,
               text,
               "X>=2",
               "# head\nX>=2 # why\n-r other.txt\ny==1 \\\n  --hash=sha256:00\nz");
        add_to(PROJECT_EDIT_REQUIREMENTS,
               text,
               "y==2",
               "# head\nx>=1 # why\n-r other.txt\ny==2\nz");
        add_to(PROJECT_EDIT_REQUIREMENTS,
               text,
               "new",
               "# head\nx>=1 # why\n-r other.txt\ny==1 \\\n  --hash=sha256:00\nz\nnew\n");
        add_to(PROJECT_EDIT_REQUIREMENTS, "", "new", "new\n");
        remove_from(PROJECT_EDIT_REQUIREMENTS, text, "Y", "# head\nx>=1 # why\n-r other.txt\nz");
        remove_from(PROJECT_EDIT_REQUIREMENTS,
                    text,
                    "x",
                    "# head\n-r other.txt\ny==1 \\\n  --hash=sha256:00\nz");
        remove_from(PROJECT_EDIT_REQUIREMENTS, text, "none", text);
}
