//! Initial RAM disks are unpacked while the scan goes on: what plans would wait for them alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::assess::MAX_KERNELS;
use super::kernel::{is_of_the_content, is_wanted};
use crate::boot::kernels::may_be_initrd;
use crate::initramfs::Initramfs;
use crate::scan::{Entry, EntryObject, ScanSource, SourceContent};
use crate::tree::components;
use crate::{Error, ErrorKind, Monitor, Result};

/// Unpacks on a thread of its own what looks like an initial RAM disk, one after the other; nothing depends on it but time.
pub(crate) struct EarlyRamdisks {
    monitor: Monitor,
    has_helper: bool,
    /// Nobody asks for the rest.
    is_over: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    helper: Option<(Sender<Job>, JoinHandle<()>)>,
    results: Vec<(Content, Receiver<Result<Initramfs>>)>,
}

/// A source of the tree by its number, and its own name for the content.
type Content = (usize, SourceContent);

struct Job {
    source: Arc<dyn ScanSource>,
    content: SourceContent,
    size: u64,
    result: Sender<Result<Initramfs>>,
}

impl EarlyRamdisks {
    /// Without a helper nothing is unpacked early.
    pub(crate) fn new(monitor: &Monitor, has_helper: bool) -> Self {
        Self { monitor: monitor.clone(), has_helper, is_over: Arc::default(), state: Mutex::default() }
    }

    /// Whether an entry of a scan looks like an initial RAM disk.
    pub(crate) fn is_candidate(entry: &Entry) -> bool {
        // Archives write paths in more ways than one.
        let mut parts = components(&entry.path);
        let (Some(b"boot"), Some(name), None) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        may_be_initrd(name) && matches!(entry.object, EntryObject::File { .. })
    }

    /// Has the candidate of a source, the one of that number, unpacked; the first few only.
    pub(crate) fn begin(&self, number: usize, source: &Arc<dyn ScanSource>, entry: &Entry) {
        let EntryObject::File { content, size, .. } = entry.object else { return };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_helper || state.results.len() >= MAX_KERNELS {
            return;
        }
        if state.helper.is_none() {
            state.helper = self.helper();
        }
        let Some((jobs, _)) = &state.helper else { return };
        let (result, receiver) = channel();
        if jobs.send(Job { source: Arc::clone(source), content, size, result }).is_ok() {
            state.results.push(((number, content), receiver));
        }
    }

    /// What the content unpacked to, or why it did not, waiting for it; nothing when it was not begun or not even opened, and
    /// when it was taken already.
    pub(crate) fn take(&self, wanted: Content) -> Option<Result<Initramfs>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = state.results.iter().position(|(content, _)| *content == wanted)?;
        state.results.swap_remove(at).1.recv().ok()
    }

    /// Where the system has no more threads there is none.
    fn helper(&self) -> Option<(Sender<Job>, JoinHandle<()>)> {
        let (jobs, begun) = channel::<Job>();
        let (monitor, is_over) = (self.monitor.clone(), Arc::clone(&self.is_over));
        let check = move || match is_over.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Cancelled, "nobody asks for this initial RAM disk")),
            false => monitor.check(),
        };
        let work = move || {
            for job in begun {
                // What cannot be read is told by who reads it next, in the right place.
                let found = job.unpack(&check);
                if found.as_ref().err().is_none_or(is_of_the_content) {
                    let _ = job.result.send(found);
                }
            }
        };
        let helper = std::thread::Builder::new().name("diskwright".into()).spawn(work).ok()?;
        Some((jobs, helper))
    }
}

impl Job {
    fn unpack(&self, check: &dyn Fn() -> Result<()>) -> Result<Initramfs> {
        check()?;
        let internal = |text: &str| Error::new(ErrorKind::Internal, text);
        // An archive opens nothing before it was scanned to its end.
        let file = self.source.open(self.content).map_err(|_| internal("cannot be opened now"))?;
        if file.size() != self.size {
            return Err(internal("it is no longer what was scanned"));
        }
        Initramfs::unpack(file, &is_wanted, check)
    }
}

impl Drop for EarlyRamdisks {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((jobs, helper)) = state.helper.take() {
            drop(jobs);
            // What went wrong there went wrong for whoever asked, too.
            let _ = helper.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::initramfs::CpioWriter;
    use crate::scan::{Attributes, ScanSummary, ScanVisitor};
    use crate::{BytesReader, ReadAt};

    /// Files by their numbers; opening is counted.
    struct Files {
        contents: Vec<Arc<dyn ReadAt>>,
        opened: AtomicUsize,
    }

    impl ScanSource for Files {
        fn scan(&self, _: &mut dyn ScanVisitor) -> Result<ScanSummary> {
            Ok(ScanSummary::default())
        }

        fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
            self.opened.fetch_add(1, Ordering::Relaxed);
            let file = self.contents.get(content.0 as usize).map(Arc::clone);
            file.ok_or_else(|| Error::new(ErrorKind::Internal, "not yet"))
        }
    }

    /// Zeros without end.
    struct Endless;

    impl ReadAt for Endless {
        fn size(&self) -> u64 {
            1 << 30
        }

        fn read_exact_at(&self, _: u64, buf: &mut [u8]) -> std::io::Result<()> {
            buf.fill(0);
            std::thread::sleep(std::time::Duration::from_millis(1));
            Ok(())
        }
    }

    fn bytes(content: Vec<u8>) -> Arc<dyn ReadAt> {
        Arc::new(BytesReader(Arc::from(content)))
    }

    fn archive(name: &str) -> Arc<dyn ReadAt> {
        let mut writer = CpioWriter::new(0);
        writer.file(name.as_bytes(), b"content");
        bytes(writer.finish())
    }

    fn entry(path: &str, number: u64, size: u64) -> Entry {
        let object = EntryObject::File { content: SourceContent(number), size, data: None };
        Entry { path: path.as_bytes().to_vec(), object, attributes: Attributes::default() }
    }

    /// What comes of files whose contents are these, begun in their order.
    fn begun(contents: Vec<Arc<dyn ReadAt>>, has_helper: bool) -> (EarlyRamdisks, Arc<Files>) {
        let sizes: Vec<u64> = contents.iter().map(|file| file.size()).collect();
        let files = Arc::new(Files { contents, opened: AtomicUsize::new(0) });
        let early = EarlyRamdisks::new(&Monitor::new(), has_helper);
        let source: Arc<dyn ScanSource> = Arc::<Files>::clone(&files);
        for (number, size) in (0_u64..).zip(sizes) {
            early.begin(3, &source, &entry("boot/initrd.img", number, size));
        }
        (early, files)
    }

    #[test]
    fn what_was_begun_is_taken_once_and_says_what_is_wrong() {
        let (early, files) = begun(vec![archive("a"), bytes(b"no archive".to_vec()), archive("b")], true);
        let taken = |number: u64| early.take((3, SourceContent(number)));
        assert!(taken(2).unwrap().unwrap().has(b"b"));
        assert!(taken(0).unwrap().unwrap().has(b"a"));
        let error = taken(1).unwrap().unwrap_err();
        assert!(error.to_string().contains("neither an archive"), "{error}");
        assert!(taken(0).is_none(), "taken before");
        assert!(early.take((2, SourceContent(0))).is_none(), "of another source");
        assert_eq!(files.opened.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn what_cannot_be_opened_or_is_another_file_is_left_to_who_asks() {
        let (early, files) = begun(vec![archive("a")], true);
        let source: Arc<dyn ScanSource> = files;
        early.begin(3, &source, &entry("boot/initrd.img-9", 9, 1));
        assert!(early.take((3, SourceContent(9))).is_none(), "the source has no such content yet");
        let early = EarlyRamdisks::new(&Monitor::new(), true);
        early.begin(3, &source, &entry("boot/initrd.img", 0, 1));
        assert!(early.take((3, SourceContent(0))).is_none(), "it had one byte when it was scanned");
    }

    #[test]
    fn only_the_first_few_are_unpacked_and_none_without_a_helper() {
        let (early, files) = begun((0..9).map(|_| archive("a")).collect(), true);
        assert!(early.take((3, SourceContent(3))).is_some());
        assert!(early.take((3, SourceContent(4))).is_none());
        drop(early);
        assert_eq!(files.opened.load(Ordering::Relaxed), MAX_KERNELS);
        let (early, files) = begun(vec![archive("a")], false);
        assert!(early.take((3, SourceContent(0))).is_none());
        assert_eq!(files.opened.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn nobody_waits_for_what_is_not_asked_for_any_more() {
        let reader = Arc::new(Endless);
        let (early, files) = begun(vec![reader, archive("a")], true);
        assert!(early.state.lock().unwrap().helper.is_some());
        while files.opened.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        drop(early);
        let opened = files.opened.load(Ordering::Relaxed);
        assert_eq!(opened, 1, "a GiB of zeros takes a second; nothing after it is begun");
    }

    #[test]
    fn candidates_are_files_of_boot_with_a_name_of_initial_ram_disks() {
        let is_candidate = |path: &str| EarlyRamdisks::is_candidate(&entry(path, 0, 1));
        assert!(is_candidate("boot/initrd.img-6.1.0-13-amd64") && is_candidate("boot/initramfs-linux.img"));
        assert!(is_candidate("./boot/initrd.img-6.1.0-13-amd64") && is_candidate("/boot/initrd"));
        assert!(is_candidate("boot/initrd-6.4.0-default") && is_candidate("boot/initramfs.img"));
        assert!(
            !is_candidate("boot/vmlinuz") && !is_candidate("boot/grub/initrd") && !is_candidate("initrd.img")
        );
        let link = EntryObject::Symlink(b"initrd.img-1".to_vec());
        let link = Entry { object: link, ..entry("boot/initrd.img", 0, 1) };
        assert!(!EarlyRamdisks::is_candidate(&link));
    }
}
