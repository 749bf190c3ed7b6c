//! The results as an SVG: one panel of horizontal bars per quantity, on a log scale, in colours that hold on light
//! and on dark pages.

use std::fmt::Write as _;

use crate::bench::format::{bytes, duration, times};
use crate::bench::results::Results;
use crate::bench::sample::{Measured, ratio};

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 24.0;
const LABELS: f64 = 132.0;
/// Room right of the longest bar for its value and ratio.
const VALUES: f64 = 150.0;
const BAR: f64 = 22.0;
const ROW: f64 = 32.0;
const HEAD: f64 = 94.0;
const PANEL_HEAD: f64 = 30.0;
const PANEL_FOOT: f64 = 40.0;

const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}\
.title{font-size:18px;font-weight:600}.sub,.tick{fill:#59636e}.sub{font-size:12px}.tick{font-size:11px}\
.panel{font-size:13px;font-weight:600}.name,.value{font-size:13px}.ours{font-weight:600}\
.grid{stroke:#d1d9e0;stroke-width:1}.bar{fill:#9aa4b0}.bar.ours{fill:#1f7a8c}.back{fill:#fff}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.sub,.tick{fill:#9198a1}.grid{stroke:#3d444d}\
.bar{fill:#656c76}.bar.ours{fill:#3fb4c8}.back{fill:#0d1117}}";

/// One quantity to draw.
struct Panel {
    title: &'static str,
    value: fn(&Measured) -> u64,
    show: fn(u64) -> String,
}

const PANELS: &[Panel] = &[
    Panel { title: "CPU per run", value: |it| it.cpu_ns, show: duration },
    Panel { title: "CPU to start", value: |it| it.start_cpu_ns, show: duration },
    Panel { title: "Peak memory", value: |it| it.peak_bytes, show: bytes },
];

pub(crate) fn svg(results: &Results) -> String {
    let rows = f64::from(u32::try_from(results.programs.len()).unwrap_or(u32::MAX));
    let panel_height = PANEL_HEAD + rows * ROW + PANEL_FOOT;
    let panels = f64::from(u32::try_from(PANELS.len()).unwrap_or(u32::MAX));
    let height = HEAD + panels * panel_height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n\
         <rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n",
        escape(results.title)
    );
    text(&mut svg, "title", MARGIN, 36.0, "start", results.title);
    text(&mut svg, "sub", MARGIN, 56.0, "start", "shorter is better · log scale");
    text(&mut svg, "sub", MARGIN, 73.0, "start", &results.machine.line());
    let mut top = HEAD;
    for panel in PANELS {
        draw(&mut svg, panel, &results.programs, top);
        top += panel_height;
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel, programs: &[Measured], top: f64) {
    text(svg, "panel", MARGIN, top + 16.0, "start", panel.title);
    let values: Vec<u64> = programs.iter().map(panel.value).collect();
    let scale = Scale::over(&values);
    let first = top + PANEL_HEAD;
    let rows = f64::from(u32::try_from(programs.len()).unwrap_or(u32::MAX));
    let bottom = first + rows * ROW;
    for decade in scale.decades() {
        let x = scale.x(decade);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{first:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
        );
        text(svg, "tick", x, bottom + 15.0, "middle", &tick(panel.show, decade));
    }
    let ours = values.first().copied().unwrap_or_default();
    let mut y = first;
    for (index, (program, value)) in programs.iter().zip(&values).enumerate() {
        let class = if index == 0 { " ours" } else { "" };
        let (left, middle) = (MARGIN + LABELS, y + ROW / 2.0);
        let length = (scale.x(*value) - left).max(2.0);
        text(svg, &format!("name{class}"), left - 10.0, middle + 4.5, "end", &program.peer);
        let _ = writeln!(
            svg,
            "<rect class=\"bar{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{length:.1}\" height=\"{BAR}\" rx=\"3\"/>",
            y + (ROW - BAR) / 2.0
        );
        let mut shown = (panel.show)(*value);
        if index > 0 {
            let _ = write!(shown, " · {}", times(ratio(*value, ours)));
        }
        text(svg, &format!("value{class}"), left + length + 8.0, middle + 4.5, "start", &shown);
        y += ROW;
    }
}

/// The decade as a short label: `10 µs`, not `10.0 µs`.
fn tick(show: fn(u64) -> String, decade: u64) -> String {
    let shown = show(decade);
    match shown.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => shown,
    }
}

/// A log scale from the power of ten below the least value to the greatest.
struct Scale {
    low: u64,
    high: u64,
}

impl Scale {
    fn over(values: &[u64]) -> Self {
        let least = values.iter().copied().min().unwrap_or(1).max(1);
        let high = values.iter().copied().max().unwrap_or(1).max(1);
        let low = 10_u64.pow(least.ilog10());
        // A value on the power of ten itself would have no bar.
        let low = if low == least && low > 1 { low / 10 } else { low };
        Self { low, high: high.max(low.saturating_mul(10)) }
    }

    fn decades(&self) -> impl Iterator<Item = u64> {
        let high = self.high;
        std::iter::successors(Some(self.low), |decade| decade.checked_mul(10))
            .take_while(move |it| *it <= high)
    }

    fn x(&self, value: u64) -> f64 {
        let left = MARGIN + LABELS;
        let width = WIDTH - left - VALUES - MARGIN;
        let share = ratio(value, self.low).log10() / ratio(self.high, self.low).log10();
        left + share.clamp(0.0, 1.0) * width
    }
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, anchor: &str, content: &str) {
    let content = escape(content);
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::tests::results;

    #[test]
    fn the_chart_is_well_formed_and_names_everything() {
        let svg = svg(&results());
        for expected in
            ["agentforge", "slow&amp;co", "5.00 ms · 100×", "CPU to start", "prefers-color-scheme"]
        {
            assert!(svg.contains(expected), "{expected}");
        }
        assert!(!svg.contains("slow&co") && !svg.contains("NaN"));
        for tag in ["svg", "text", "style"] {
            let opened = svg.matches(&format!("<{tag}")).count();
            assert_eq!(opened, svg.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert_eq!(svg.matches("<rect class=\"bar").count(), 6);
    }

    #[test]
    fn a_scale_spans_its_values_from_a_power_of_ten() {
        let scale = Scale::over(&[50_000, 5_000_000]);
        assert_eq!(scale.decades().collect::<Vec<_>>(), [10_000, 100_000, 1_000_000]);
        assert!(scale.x(50_000) < scale.x(5_000_000) && scale.x(5_000_000) <= WIDTH - MARGIN - VALUES);
        assert_eq!(Scale::over(&[1_000, 1_000]).low, 100);
        assert!(Scale::over(&[0]).x(0).is_finite() && Scale::over(&[]).x(1).is_finite());
    }

    #[test]
    fn ticks_are_short() {
        assert_eq!(
            [tick(duration, 10_000), tick(duration, 100), tick(bytes, 1_000_000)],
            ["10 µs", "100 ns", "1 MB"]
        );
    }
}
