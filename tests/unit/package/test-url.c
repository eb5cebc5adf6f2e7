// SPDX-License-Identifier: LGPL-2.1-or-later

#include "basic/macro.h"
#include "package/url.h"
#include "test.h"

static void assert_stripped(const char *url, const char *wanted) {
        _cleanup_(freep) char *found = url_strip_credentials(url);

        ASSERT_STREQ(found, wanted);
}

TEST(credentials_are_stripped_from_anything) {
        assert_stripped("https://u:p@index.example/simple", "https://index.example/simple");
        assert_stripped("https://token@index.example", "https://index.example");
        assert_stripped("https://u:p@ss@index.example/a@b", "https://index.example/a@b");
        assert_stripped("https://index.example/a@b", "https://index.example/a@b");
        assert_stripped("weird://u:p@", "weird://");
        assert_stripped("not a url", "not a url");
        assert_stripped("", "");
}

TEST(credentials_are_decoded) {
        _cleanup_(freep) char *user = NULL, *password = NULL;

        ASSERT_OK(url_get_credentials("https://us%40er:p%3Aw@index.example/", &user, &password));
        ASSERT_STREQ(user, "us@er");
        ASSERT_STREQ(password, "p:w");
}

TEST(origins_differ_by_scheme_host_and_port) {
        ASSERT_TRUE(url_same_origin("https://u:p@Index.example/a", "https://index.example:443/b"));
        ASSERT_FALSE(url_same_origin("https://index.example/", "http://index.example/"));
        ASSERT_FALSE(url_same_origin("https://index.example/", "https://index.example:8443/"));
        ASSERT_FALSE(url_same_origin(
                        "https://index.example/", "https://index.example.evil.example/"));
        ASSERT_FALSE(url_same_origin("", "https://index.example/"));
}

TEST(paths_and_file_urls_are_inverse) {
        static const char *const paths[] = { "/srv/wheels", "/a b/ä#?%", "/" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(freep) char *url = url_from_path(paths[i]), *path = NULL;
                ASSERT_OK(url_to_path(url, &path));
                ASSERT_STREQ(path, paths[i]);
        }
}

TEST(file_urls_with_hosts_or_control_characters_are_refused) {
        char *path = NULL;

        ASSERT_OK(url_to_path("file://localhost/srv", &path));
        ASSERT_STREQ(path, "/srv");
        free(path);
        ASSERT_ERROR(url_to_path("file://host/srv", &path), EINVAL);
        ASSERT_ERROR(url_to_path("file:relative", &path), EINVAL);
        ASSERT_ERROR(url_to_path("file:////host/share", &path), EINVAL);
        ASSERT_ERROR(url_to_path("file:///a%00b", &path), EINVAL);
        ASSERT_ERROR(url_to_path("file:///a%0ab", &path), EINVAL);
        ASSERT_ERROR(url_to_path("https://index.example/", &path), EINVAL);
}
