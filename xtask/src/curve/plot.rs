use super::{Curve, Point, mebibytes};
use crate::svg::{Anchor, COLOURS, DARK, Svg};

/// Size over time, time on a logarithmic scale: a line for each codec, its default a ring, QEMU's a square.
pub(super) fn plot(tree: &str, threads: usize, curves: &[Curve]) -> String {
    let title = format!("Size and time of every level, tree {tree}, {threads} threads");
    let mut svg = Svg::new(WIDTH, HEIGHT, &title);
    svg.text((LEFT, 24.0), 16.0, Anchor::Start, &title);
    let points = || curves.iter().flat_map(|curve| curve.points.iter().chain(&curve.qemu));
    let scale = Scale::over(points());
    scale.draw(&mut svg);
    for ((curve, colour), at) in curves.iter().zip(COLOURS.iter().cycle()).zip(0..) {
        let line: Vec<(f64, f64)> = curve.points.iter().map(|point| scale.place(point)).collect();
        svg.line(&line, colour, 2.0);
        for point in &curve.points {
            let is_default = point.level == Some(curve.default);
            svg.mark(scale.place(point), if is_default { 6.0 } else { 2.5 }, colour, is_default);
        }
        for point in labelled(curve) {
            let (x, y) = scale.place(point);
            svg.text((x + 7.0, y - 6.0), 11.0, Anchor::Start, &point.level.unwrap_or_default().to_string());
        }
        if let Some(qemu) = &curve.qemu {
            let (x, y) = scale.place(qemu);
            svg.rectangle((x - 5.0, y - 5.0), (10.0, 10.0), colour);
        }
        let y = TOP + 14.0 + 18.0 * f64::from(at);
        svg.line(&[(RIGHT + 16.0, y - 4.0), (RIGHT + 40.0, y - 4.0)], colour, 3.0);
        svg.text((RIGHT + 46.0, y), 12.0, Anchor::Start, curve.codec.name);
    }
    let y = TOP + 24.0 + 18.0 * curves.len() as f64;
    svg.mark((RIGHT + 28.0, y - 4.0), 6.0, DARK, true);
    svg.text((RIGHT + 46.0, y), 12.0, Anchor::Start, "default level");
    svg.rectangle((RIGHT + 23.0, y + 9.0), (10.0, 10.0), DARK);
    svg.text((RIGHT + 46.0, y + 18.0), 12.0, Anchor::Start, "mke2fs + qemu-img");
    svg.finish()
}

/// The first, the last and the default.
fn labelled(curve: &Curve) -> impl Iterator<Item = &Point> {
    let last = curve.points.len().saturating_sub(1);
    let is_shown =
        move |at: usize, point: &Point| at == 0 || at == last || point.level == Some(curve.default);
    curve.points.iter().enumerate().filter(move |(at, point)| is_shown(*at, point)).map(|(_, point)| point)
}

/// Where seconds and MiB are on the sheet.
struct Scale {
    /// Of the decimal logarithm.
    seconds: (f64, f64),
    size: (f64, f64),
}

impl Scale {
    fn over<'a>(points: impl Iterator<Item = &'a Point>) -> Self {
        let mut scale = Self { seconds: (f64::MAX, f64::MIN), size: (f64::MAX, f64::MIN) };
        for point in points {
            widen(&mut scale.seconds, point.seconds.log10());
            widen(&mut scale.size, mebibytes(point.bytes));
        }
        let room = 0.05 * (scale.seconds.1 - scale.seconds.0).max(0.1);
        scale.seconds = (scale.seconds.0 - room, scale.seconds.1 + room);
        scale.size = ((scale.size.0 / STEP).floor() * STEP, (scale.size.1 / STEP).ceil() * STEP + 1.0);
        scale
    }

    fn place(&self, point: &Point) -> (f64, f64) {
        (self.x(point.seconds), self.y(mebibytes(point.bytes)))
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds.log10() - self.seconds.0) / (self.seconds.1 - self.seconds.0) * (RIGHT - LEFT)
    }

    fn y(&self, size: f64) -> f64 {
        BOTTOM - (size - self.size.0) / (self.size.1 - self.size.0) * (BOTTOM - TOP)
    }

    fn draw(&self, svg: &mut Svg) {
        for seconds in [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0] {
            let x = self.x(seconds);
            if (LEFT..=RIGHT).contains(&x) {
                svg.line(&[(x, TOP), (x, BOTTOM)], LIGHT, 1.0);
                svg.text((x, BOTTOM + 16.0), 11.0, Anchor::Middle, &format!("{seconds} s"));
            }
        }
        let mut size = self.size.0;
        while size <= self.size.1 {
            svg.line(&[(LEFT, self.y(size)), (RIGHT, self.y(size))], LIGHT, 1.0);
            svg.text((LEFT - 6.0, self.y(size) + 4.0), 11.0, Anchor::End, &format!("{size} MiB"));
            size += STEP;
        }
        svg.text(((LEFT + RIGHT) / 2.0, BOTTOM + 36.0), 12.0, Anchor::Middle, "from tree to synced image");
    }
}

fn widen((least, most): &mut (f64, f64), value: f64) {
    *least = least.min(value);
    *most = most.max(value);
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 650.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 400.0;
/// MiB from one line to the next.
const STEP: f64 = 20.0;
const LIGHT: &str = "#dddddd";
