// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/fault.h"
#include "package/metadata.h"
#include "test.h"

#define HEAD "Metadata-Version: 2.1\nName: Some.Name\nVersion: 1.0\n"

static void refuse(const char *text, const char *sentence) {
        _cleanup_(metadata_freep) Metadata *metadata = NULL;
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(metadata_parse(text, strlen(text), "METADATA", &metadata, &fault), EBADMSG);
        ASSERT_STREQ(fault.message, sentence);
        ASSERT_INT(fault.code, FAULT_METADATA_INVALID);
}

TEST(fields_are_read_up_to_the_description) {
        static const char text[] = HEAD
                        "summary: x\nREQUIRES-PYTHON:>=3.8\r\nRequires-Dist: a>=1\n"
                        "Requires-Dist: b (>=2) ;\n   extra == 'x'\nProvides-Extra: x\n"
                        "Dynamic: Requires-Dist\nLicense: one\n\ttwo\n        \n  three\n\nRequires-Dist: body\n";
        _cleanup_(metadata_freep) Metadata *metadata = NULL;

        ASSERT_OK(metadata_parse(text, strlen(text), "METADATA", &metadata, NULL));
        ASSERT_STREQ(metadata->metadata_version, "2.1");
        ASSERT_STREQ(metadata->name, "Some.Name");
        ASSERT_STREQ(metadata->version, "1.0");
        ASSERT_STREQ(metadata->requires_python, ">=3.8");
        ASSERT_INT(metadata->n_requires_dist, 2);
        ASSERT_STREQ(metadata->requires_dist[0], "a>=1");
        ASSERT_STREQ(metadata->requires_dist[1], "b (>=2) ; extra == 'x'");
        ASSERT_INT(metadata->n_provides_extra, 1);
        ASSERT_STREQ(metadata->dynamic[0], "requires-dist");
}

TEST(field_not_known_may_hold_anything) {
        static const char text[] = HEAD "Author: \xff\n";
        _cleanup_(metadata_freep) Metadata *metadata = NULL;

        ASSERT_OK(metadata_parse(text, strlen(text), "METADATA", &metadata, NULL));
        ASSERT_NULL(metadata->requires_python);
}

TEST(metadata_that_is_none_is_refused) {
        refuse("", "The field 'Metadata-Version' is missing.");
        refuse("Metadata-Version: 3.0\nName: a\nVersion: 1\n",
               "'3.0' is not a version of core metadata that can be read here.");
        refuse("Metadata-Version: 2.1\nVersion: 1\n", "The field 'Name' is missing.");
        refuse("Metadata-Version: 2.1\nName: a b\nVersion: 1\n", "The field 'Name' holds no name.");
        refuse("Metadata-Version: 2.1\nName: a\n", "The field 'Version' is missing.");
        refuse("Metadata-Version: 2.1\nName: a\nVersion: one\n", "'one' is not a version.");
        refuse(HEAD "Name: again\n", "The field 'name' is there twice.");
        refuse(HEAD "Requires-Dist: \xff\n", "The value is not UTF-8.");
        refuse(HEAD "Requires-Dist: a\x01\n", "The value holds a control character.");
        refuse("<html>\n", "The field 'Metadata-Version' is missing.");
}

TEST(fault_names_the_line) {
        static const char text[] = HEAD "x: y\n z\nRequires-Dist: \xff\n";
        _cleanup_(metadata_freep) Metadata *metadata = NULL;
        _cleanup_fault_ Fault fault = {};

        ASSERT_ERROR(metadata_parse(text, strlen(text), "METADATA", &metadata, &fault), EBADMSG);
        ASSERT_STREQ(fault.subject, "METADATA:6");
}

TEST(line_that_is_no_field_ends_the_block) {
        static const char text[] = HEAD "Requires-Dist: a\nlicence text\nRequires-Dist: b\n";
        _cleanup_(metadata_freep) Metadata *metadata = NULL;

        ASSERT_OK(metadata_parse(text, strlen(text), "METADATA", &metadata, NULL));
        ASSERT_INT(metadata->n_requires_dist, 1);
}

TEST(fields_beyond_the_limit_are_refused) {
        _cleanup_(metadata_freep) Metadata *metadata = NULL;
        _cleanup_builder_ Builder text = {};

        builder_add(&text, HEAD);
        for (int i = 0; i <= METADATA_ITEMS_MAX; i++)
                builder_add(&text, "Requires-Dist: a\n");
        ASSERT_ERROR(metadata_parse(text.data, text.length, "METADATA", &metadata, NULL), E2BIG);
}
