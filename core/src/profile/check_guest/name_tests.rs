use super::*;

#[test]
fn account_names_begin_with_a_letter_and_are_short() {
    for name in ["a", "_apt", "www-data", "a.b_c-9", &"u".repeat(32)] {
        assert!(is_account_name(name), "{name}");
    }
    for name in ["", "9a", "-a", ".a", "a b", "a:b", "a/b", "é", &"u".repeat(33)] {
        assert!(!is_account_name(name), "{name}");
    }
}

#[test]
fn group_names_have_nothing_that_ends_a_field_or_an_option() {
    for name in ["g", "9", "a-b", "DOMAIN\\users", &"g".repeat(64)] {
        assert!(is_group_name(name), "{name}");
    }
    for name in ["", "-g", "a:b", "a,b", "a/b", "a b", "é", &"g".repeat(65)] {
        assert!(!is_group_name(name), "{name}");
    }
}

#[test]
fn plain_paths_are_absolute_and_have_no_odd_parts() {
    let of_len = |len: usize| format!("/{}", "p".repeat(len - 1));
    for path in ["/a", "/home/user 1", "/a/.b", &of_len(255)] {
        assert!(is_plain_path(path), "{path}");
    }
    for path in ["", "/", "a", "a/b", "/a/", "//a", "/a/../b", "/./a", "/a:b", "/a\n", &of_len(256)] {
        assert!(!is_plain_path(path), "{path}");
    }
}
