use super::*;

#[test]
fn mount_points_are_plain_absolute_paths_that_a_disk_can_have() {
    let of_len = |len: usize| format!("/{}", "m".repeat(len - 1));
    for path in
        ["/", "/boot", "/boot/efi", "/home/a b", "/etcetera", "/etc/ssl", "/procs", "/usr/lib", &of_len(255)]
    {
        assert_eq!(check_mount_point(path), Ok(()), "{path}");
    }
    for path in [
        "",
        "home",
        "./home",
        "/a\tb",
        "/a//b",
        "/a/",
        "/./a",
        "/a/.",
        "/../a",
        "/a/..",
        "/proc",
        "/sys/fs",
        "/dev",
        "/run/lock",
        "/etc",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        &of_len(256),
    ] {
        assert!(check_mount_point(path).is_err(), "{path}");
    }
}

#[test]
fn file_names_of_outputs_are_short_and_of_few_characters() {
    for name in ["a", "Debian-12_x.1", &"n".repeat(64)] {
        assert!(is_file_name(name), "{name}");
    }
    for name in ["", "a/b", "a b", "a\n", "é", &"n".repeat(65)] {
        assert!(!is_file_name(name), "{name}");
    }
}

#[test]
fn host_names_are_of_letters_digits_and_inner_hyphens() {
    let label = |len: usize| "h".repeat(len);
    let long = [format!("{}.{}", label(31), label(32)), label(63)];
    for name in ["a", "web-1.example.org", "1", &long[0], &long[1]] {
        assert!(is_hostname(name), "{name}");
    }
    let longer = [format!("{}.{}", label(32), label(32)), label(64)];
    for name in ["", "-a", "a-", "a.-b", "a-.b", "a..b", ".a", "a.", "a_b", "é", &longer[0], &longer[1]] {
        assert!(!is_hostname(name), "{name}");
    }
}
