use super::options::OptionRules;

/// A `grubenv` with the kernel options in it made true for the new disk; `None` when that is no such file or the
/// options do not fit.
///
/// # Reference
/// GNU GRUB manual 2.06, "The GRUB environment block": exactly 1024 bytes, filled up with `#`.
pub(super) fn fixed(environment: &[u8], rules: &OptionRules<'_>) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(environment).ok()?;
    let lines = text.strip_prefix(SIGNATURE)?;
    let (lines, filling) = lines.split_at(lines.rfind('\n').map_or(0, |end| end + 1));
    if filling.bytes().any(|byte| byte != b'#') {
        return None;
    }
    let mut block = String::from(SIGNATURE);
    for line in lines.split_inclusive('\n') {
        match line.strip_prefix("kernelopts=") {
            Some(options) => block.extend(["kernelopts=", &rules.fixed(options)]),
            // A boot of the old machine that was not finished makes the menu wait.
            None if line.starts_with("recordfail=") => {}
            None => block.push_str(&rules.renamed(line)),
        }
    }
    let mut block = block.into_bytes();
    if block.len() > SIZE {
        return None;
    }
    block.resize(SIZE, b'#');
    Some(block)
}

const SIGNATURE: &str = "# GRUB Environment Block\n";
const SIZE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(lines: &str) -> Vec<u8> {
        let mut block = format!("{SIGNATURE}{lines}").into_bytes();
        block.resize(1024, b'#');
        block
    }

    #[test]
    fn options_change_and_the_size_stays() {
        let appended = ["console=ttyS0".to_owned()];
        let rules = OptionRules::new("1-2", None, &[], &[], &appended);
        let before = block("saved_entry=a-5.14\nkernelopts=root=/dev/mapper/a ro \nrecordfail=1\n");
        let after = block("saved_entry=a-5.14\nkernelopts=root=UUID=1-2 ro console=ttyS0 \n");
        let fixed = fixed(&before, &rules).unwrap();
        assert_eq!(fixed.len(), 1024);
        assert_eq!(String::from_utf8(fixed), String::from_utf8(after));
    }

    #[test]
    fn what_is_true_stays_and_what_is_no_block_is_left_alone() {
        let rules = OptionRules::new("1-2", None, &[], &[], &[]);
        assert_eq!(fixed(&block("saved_entry=0\n"), &rules), Some(block("saved_entry=0\n")));
        assert_eq!(fixed(b"text", &rules), None);
        assert_eq!(fixed(&block(&format!("x={}\n", "y".repeat(1000))), &rules), None);
    }
}
