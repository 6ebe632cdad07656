use std::fmt::Write;

use super::{DATA_START, LogicalVolume, VolumeGroup, extents_of};

/// A group's metadata as text, as LVM itself writes it, with the byte of zero that ends it.
pub(super) fn text(group: &VolumeGroup) -> Vec<u8> {
    let mut text = Text::default();
    // LVM takes a time of 0 and before for none.
    let created = group.created.max(1);
    text.open(&group.name);
    text.line(format_args!("id = \"{}\"", group.id));
    text.line(format_args!("seqno = 1"));
    text.line(format_args!("format = \"lvm2\""));
    text.line(format_args!("status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]"));
    text.line(format_args!("flags = []"));
    text.line(format_args!("extent_size = {}", sectors(group.extent_size)));
    text.line(format_args!("max_lv = 0"));
    text.line(format_args!("max_pv = 0"));
    text.line(format_args!("metadata_copies = 0"));
    text.blank();
    text.open("physical_volumes");
    for (at, physical) in group.physical.iter().enumerate() {
        text.blank();
        text.open(&format!("pv{at}"));
        text.line(format_args!("id = \"{}\"", physical.id));
        // Only a hint, and which controller the disk will have is not known.
        text.line(format_args!("device = \"unknown device\""));
        text.blank();
        text.line(format_args!("status = [\"ALLOCATABLE\"]"));
        text.line(format_args!("flags = []"));
        text.line(format_args!("dev_size = {}", sectors(physical.size)));
        text.line(format_args!("pe_start = {}", sectors(DATA_START)));
        text.line(format_args!("pe_count = {}", extents_of(physical.size, group.extent_size)));
        text.close();
    }
    text.close();
    if !group.logical.is_empty() {
        text.blank();
        text.open("logical_volumes");
        for volume in &group.logical {
            text.blank();
            logical_volume(&mut text, volume, created);
        }
        text.close();
    }
    text.blank();
    text.close();
    text.line(format_args!("# Made together with this disk"));
    text.blank();
    text.line(format_args!("contents = \"Text Format Volume Group\""));
    text.line(format_args!("version = 1"));
    text.blank();
    text.line(format_args!("description = \"\""));
    text.blank();
    text.line(format_args!("creation_host = \"{HOST}\""));
    text.line(format_args!("creation_time = {created}"));
    text.blank();
    let mut bytes = text.text.into_bytes();
    bytes.push(0);
    bytes
}

fn logical_volume(text: &mut Text, volume: &LogicalVolume, created: i64) {
    text.open(&volume.name);
    text.line(format_args!("id = \"{}\"", volume.id));
    text.line(format_args!("status = [\"READ\", \"WRITE\", \"VISIBLE\"]"));
    text.line(format_args!("flags = []"));
    text.line(format_args!("creation_time = {created}"));
    text.line(format_args!("creation_host = \"{HOST}\""));
    text.line(format_args!("segment_count = {}", volume.segments.len()));
    let mut start = 0_u64;
    for (at, segment) in volume.segments.iter().enumerate() {
        text.blank();
        text.open(&format!("segment{}", at.saturating_add(1)));
        text.line(format_args!("start_extent = {start}"));
        text.line(format_args!("extent_count = {}", segment.extents));
        text.blank();
        text.line(format_args!("type = \"striped\""));
        text.line(format_args!("stripe_count = 1"));
        text.blank();
        text.line(format_args!("stripes = ["));
        text.line(format_args!("\t\"pv{}\", {}", segment.physical, segment.first));
        text.line(format_args!("]"));
        text.close();
        start = start.saturating_add(segment.extents);
    }
    text.close();
}

/// Lines with their indentation.
#[derive(Default)]
struct Text {
    text: String,
    depth: usize,
}

impl Text {
    fn open(&mut self, name: &str) {
        self.line(format_args!("{name} {{"));
        self.depth = self.depth.saturating_add(1);
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.line(format_args!("}}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.extend(std::iter::repeat_n('\t', self.depth));
        // Writing to a String never fails.
        let _infallible = self.text.write_fmt(line);
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }
}

/// LVM counts in sectors of 512 bytes, whatever the disk's are.
fn sectors(bytes: u64) -> u64 {
    bytes >> 9
}

/// Which machine made it: no machine did.
const HOST: &str = "diskwright";
