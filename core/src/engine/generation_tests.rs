use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::tests::order;
use super::*;
use crate::ReadAt;
use crate::scan::{ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::sink::{MemoryOutputs, MemorySink, Output};

/// Scans that say that they have begun and go on when they are told to.
struct Gate {
    begun: (Sender<&'static str>, Receiver<&'static str>),
    go: (Sender<()>, Receiver<()>),
}

impl Gate {
    fn new() -> Self {
        Self { begun: unbounded(), go: unbounded() }
    }

    /// An order whose scan waits at the gate; `name` is what it says.
    fn order(&self, name: &'static str) -> Order {
        let mut order = order(1);
        let source = Arc::clone(&order.scans[0]);
        order.scans =
            vec![Arc::new(Held { source, name, begun: self.begun.0.clone(), go: self.go.1.clone() })];
        order
    }

    /// The next scan that begins.
    fn begun(&self) -> &'static str {
        self.begun.1.recv().unwrap()
    }

    fn let_go(&self, scans: usize) {
        (0..scans).for_each(|_| self.go.0.send(()).unwrap());
    }

    fn nobody_else_began(&self) -> bool {
        self.begun.1.is_empty()
    }
}

struct Held {
    source: Arc<dyn ScanSource>,
    name: &'static str,
    begun: Sender<&'static str>,
    go: Receiver<()>,
}

impl ScanSource for Held {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.begun.send(self.name).unwrap();
        self.go.recv().unwrap();
        self.source.scan(visitor)
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        self.source.open(content)
    }
}

/// A sink in memory that says how it ended.
struct Noted {
    sink: MemorySink,
    ended: Sender<&'static str>,
}

impl Sink for Noted {
    fn create(&mut self, spec: &OutputSpec) -> Result<Box<dyn Output>> {
        self.sink.create(spec)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        Box::new(self.sink).commit()?;
        self.ended.send("committed").unwrap();
        Ok(())
    }

    fn abort(self: Box<Self>) {
        self.ended.send("aborted").unwrap();
    }
}

fn noted() -> (Box<dyn Sink>, MemoryOutputs, Receiver<&'static str>) {
    let (ended, how) = unbounded();
    let sink = MemorySink::new();
    let outputs = sink.outputs();
    (Box::new(Noted { sink, ended }), outputs, how)
}

fn memory() -> Box<dyn Sink> {
    Box::new(MemorySink::new())
}

fn one_at_a_time() -> Engine {
    Engine::new().with_threads(2).with_concurrency(1)
}

#[test]
fn a_started_order_gives_what_a_run_gives() {
    let (run, started) = (MemorySink::new(), MemorySink::new());
    let (expected, outputs) = (run.outputs(), started.outputs());
    let engine = Engine::new().with_threads(2);
    let report = engine.run(&order(1), Box::new(run), &Monitor::new()).unwrap();
    let generation = engine.start(order(1), Box::new(started)).unwrap();
    let canceller = generation.canceller();
    assert_eq!((generation.id().to_string(), canceller.id()), ("1".to_owned(), generation.id()));
    assert_eq!(generation.wait().unwrap().outputs[0].digest(), report.outputs[0].digest());
    assert!(expected.lock().unwrap()["small.plain"] == outputs.lock().unwrap()["small.plain"]);
    let status = canceller.status();
    assert_eq!((status.phase, status.percentage(), status.ahead), (Phase::Finished, 100, None));
    assert!(status.done == status.total && status.total > 0);
    canceller.cancel();
    assert_eq!(canceller.status(), status);
}

#[test]
fn no_more_run_than_may_and_each_owner_has_a_turn() {
    let (gate, engine) = (Gate::new(), one_at_a_time());
    let mut generations = vec![engine.start_for("a", gate.order("a1"), memory()).unwrap()];
    assert_eq!(gate.begun(), "a1");
    for (owner, name) in [("a", "a2"), ("a", "a3"), ("b", "b1")] {
        generations.push(engine.start_for(owner, gate.order(name), memory()).unwrap());
    }
    let ahead: Vec<_> = generations.iter().map(|generation| generation.status().ahead).collect();
    assert_eq!(ahead, [None, Some(1), Some(2), Some(0)]);
    assert!(gate.nobody_else_began());
    assert_eq!(generations[0].status().phase, Phase::Scanning);
    let waits = generations[3].status();
    assert_eq!((waits.phase, waits.percentage(), waits.eta()), (Phase::Queued, 0, None));
    gate.let_go(4);
    assert_eq!([gate.begun(), gate.begun(), gate.begun()], ["b1", "a2", "a3"]);
    for generation in generations {
        generation.wait().unwrap();
    }
}

#[test]
fn as_many_run_at_once_as_may() {
    let (gate, engine) = (Gate::new(), Engine::new().with_threads(2).with_concurrency(3));
    let start = |name| engine.start(gate.order(name), memory()).unwrap();
    let generations = ["1", "2", "3", "4"].map(start);
    let mut begun = [gate.begun(), gate.begun(), gate.begun()];
    begun.sort_unstable();
    assert_eq!(begun, ["1", "2", "3"]);
    assert!(gate.nobody_else_began());
    gate.let_go(1);
    assert_eq!(gate.begun(), "4");
    gate.let_go(3);
    generations.into_iter().for_each(|generation| drop(generation.wait().unwrap()));
}

#[test]
fn one_that_waits_and_is_cancelled_ends_at_once_and_never_begins() {
    let (gate, engine) = (Gate::new(), one_at_a_time());
    let first = engine.start(gate.order("first"), memory()).unwrap();
    assert_eq!(gate.begun(), "first");
    let (sink, outputs, how) = noted();
    let second = engine.start(gate.order("second"), sink).unwrap();
    let third = engine.start(gate.order("third"), memory()).unwrap();
    let canceller = second.canceller();
    std::thread::spawn(move || canceller.cancel()).join().unwrap();
    // The first still runs.
    assert_eq!((how.try_recv(), second.status().phase), (Ok("aborted"), Phase::Failed));
    assert_eq!(second.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(third.status().ahead, Some(0));
    gate.let_go(2);
    assert_eq!(gate.begun(), "third");
    first.wait().unwrap();
    third.wait().unwrap();
    assert!(outputs.lock().unwrap().is_empty() && gate.nobody_else_began());
}

#[test]
fn one_more_than_may_wait_is_refused() {
    let (gate, engine) = (Gate::new(), one_at_a_time().with_queue(1));
    let running = engine.start(gate.order("running"), memory()).unwrap();
    let waiting = engine.start(gate.order("waiting"), memory()).unwrap();
    let (sink, _, how) = noted();
    let refused = engine.start(gate.order("refused"), sink).unwrap_err();
    assert_eq!((refused.kind(), how.try_recv()), (ErrorKind::LimitExceeded, Ok("aborted")));
    gate.let_go(2);
    running.wait().unwrap();
    waiting.wait().unwrap();
    // Nobody waits now: one begins at once, even where none may wait.
    let none_may_wait = one_at_a_time().with_queue(0);
    none_may_wait.start(order(1), memory()).unwrap().wait().unwrap();
}

#[test]
fn dropping_one_that_runs_cancels_it_without_waiting() {
    let (gate, engine) = (Gate::new(), one_at_a_time());
    let (sink, outputs, how) = noted();
    let generation = engine.start(gate.order("dropped"), sink).unwrap();
    assert_eq!(gate.begun(), "dropped");
    // The scan cannot go on before the gate opens: a drop that waited would never return.
    drop(generation);
    assert!(how.is_empty());
    gate.let_go(1);
    assert_eq!(how.recv(), Ok("aborted"));
    assert!(outputs.lock().unwrap().is_empty());
}

#[test]
fn detached_ones_end_though_nobody_holds_the_engine() {
    let (gate, engine) = (Gate::new(), one_at_a_time());
    let ended: Vec<_> = ["first", "second"]
        .into_iter()
        .map(|name| {
            let (sink, outputs, how) = noted();
            engine.start(gate.order(name), sink).unwrap().detach();
            (outputs, how)
        })
        .collect();
    drop(engine);
    gate.let_go(2);
    for (outputs, how) in ended {
        assert_eq!(how.recv(), Ok("committed"));
        assert!(outputs.lock().unwrap().contains_key("small.plain"));
    }
}

/// Panics where it is asked to.
struct Panicking;

impl ScanSource for Panicking {
    fn scan(&self, _: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        panic!("no scan today")
    }

    fn open(&self, _: SourceContent) -> Result<Arc<dyn ReadAt>> {
        panic!("nothing to open")
    }
}

#[test]
fn a_panic_ends_its_generation_alone() {
    let engine = one_at_a_time();
    let mut panics = order(1);
    panics.scans = vec![Arc::new(Panicking)];
    let (sink, _, how) = noted();
    let first = engine.start(panics, sink).unwrap();
    let second = engine.start(order(1), memory()).unwrap();
    let canceller = first.canceller();
    let error = first.wait().unwrap_err();
    assert_eq!((error.kind(), how.try_recv()), (ErrorKind::Internal, Ok("aborted")));
    assert!(error.to_string().contains("no scan today"), "{error}");
    assert_eq!(canceller.status().phase, Phase::Failed);
    second.wait().unwrap();
}

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn a_generation_is_a_future_that_any_executor_can_wait_for() {
    let (gate, engine) = (Gate::new(), one_at_a_time());
    let first = engine.start(gate.order("first"), memory()).unwrap();
    let second = engine.start(order(0), memory()).unwrap();
    assert_eq!(gate.begun(), "first");
    let mut first = pin!(first.into_future());
    // Somebody else's waker is forgotten when another polls.
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    gate.let_go(1);
    block_on(first.as_mut()).unwrap();
    let again = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(again, Poll::Ready(Err(error)) if error.kind() == ErrorKind::Internal));
    assert_eq!(block_on(async { second.await }).unwrap_err().field(), Some("targetFormat"));
}

#[test]
fn dropping_the_future_cancels() {
    let (gate, engine) = (Gate::new(), one_at_a_time());
    let (sink, _, how) = noted();
    let mut future = Box::pin(engine.start(gate.order("dropped"), sink).unwrap().into_future());
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(gate.begun(), "dropped");
    drop(future);
    gate.let_go(1);
    assert_eq!(how.recv(), Ok("aborted"));
}

#[test]
fn handles_go_to_other_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    fn sent<T: Send>() {}
    shared::<Canceller>();
    shared::<Engine>();
    sent::<Generation>();
    sent::<GenerationFuture>();
}
