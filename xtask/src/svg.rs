//! Plots, as plain SVG: dark text on white, and colours that all tell apart.

use std::fmt::Write as _;

/// A drawing; positions in pixels from the upper left.
pub(crate) struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text stands at its position.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// A white sheet; `title` is what those hear who do not see it.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        let body = format!("<title>{}</title>\n", escape(title));
        let mut svg = Self { width, height, body };
        svg.rectangle((0.0, 0.0), (width, height), "#ffffff");
        svg
    }

    pub(crate) fn rectangle(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
        self.add(format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
        ));
    }

    pub(crate) fn line(&mut self, points: &[(f64, f64)], colour: &str, width: f64) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        self.add(format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            points.join(" ")
        ));
    }

    /// A disc, or a ring where it is `hollow`.
    pub(crate) fn mark(&mut self, (x, y): (f64, f64), radius: f64, colour: &str, hollow: bool) {
        let fill = if hollow { "#ffffff" } else { colour };
        self.add(format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        ));
    }

    pub(crate) fn text(&mut self, (x, y): (f64, f64), size: f64, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.add(format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        ));
    }

    pub(crate) fn finish(self) -> String {
        let Self { width, height, body } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\" fill=\"#222222\">\n{body}</svg>\n"
        )
    }

    fn add(&mut self, element: String) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// Colours of Okabe and Ito, which those who see fewer colours tell apart, too.
pub(crate) const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
pub(crate) const GREY: &str = "#999999";
pub(crate) const DARK: &str = "#222222";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_stands_in_the_file_and_text_is_escaped() {
        let mut svg = Svg::new(10.0, 20.0, "a < b");
        svg.rectangle((1.0, 2.0), (3.0, 4.0), GREY);
        svg.line(&[(0.0, 0.0), (1.5, 2.0)], DARK, 1.0);
        svg.mark((5.0, 5.0), 2.0, DARK, true);
        svg.text((1.0, 1.0), 12.0, Anchor::End, "x & y");
        let text = svg.finish();
        assert!(text.contains("<title>a &lt; b</title>"), "{text}");
        assert!(
            text.contains("<rect x=\"1.0\" y=\"2.0\" width=\"3.0\" height=\"4.0\" fill=\"#999999\"/>"),
            "{text}"
        );
        assert!(text.contains("points=\"0.0,0.0 1.5,2.0\""), "{text}");
        assert!(text.contains("text-anchor=\"end\">x &amp; y</text>"), "{text}");
        assert!(text.contains("fill=\"#ffffff\" stroke=\"#222222\""), "{text}");
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
    }
}
