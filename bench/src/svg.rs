//! Plots as SVG, readable on a light and on a dark page.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 250.0;
const COLOURS: [&str; 5] = ["#2a7fba", "#d9822b", "#5a9e4b", "#b04a5a", "#7a6fb0"];

/// A bar with a name.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// Which colour, the same for what belongs together.
    pub(crate) colour: usize,
}

/// A line over time.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// One value for each step.
    pub(crate) values: Vec<f64>,
}

fn begin(width: f64, height: f64, title: &str) -> String {
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0} {height:.0}' font-family='sans-serif' font-size='12'>\n<style>text{{fill:#222}}.a{{stroke:#888;stroke-width:1}}.b{{fill:#fff}}@media(prefers-color-scheme:dark){{text{{fill:#ddd}}.b{{fill:#181818}}}}</style>\n<rect class='b' width='{width:.0}' height='{height:.0}'/>\n"
    );
    let _ = writeln!(
        out,
        "<text x='10' y='20' font-size='15' font-weight='bold'>{}</text>",
        escape(title)
    );
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
}

fn colour(index: usize) -> &'static str {
    COLOURS.get(index % COLOURS.len()).copied().unwrap_or("#2a7fba")
}

/// Horizontal bars, each with its value.
pub(crate) fn bars(title: &str, bars: &[Bar], show: impl Fn(f64) -> String) -> String {
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let mut out = begin(WIDTH, 40.0 + 22.0 * bars.len() as f64, title);
    for (index, bar) in bars.iter().enumerate() {
        let y = 34.0 + 22.0 * index as f64;
        let width = (bar.value / most * (WIDTH - LEFT - 80.0)).max(1.0);
        let _ = writeln!(
            out,
            "<text x='{:.0}' y='{:.0}' text-anchor='end'>{}</text><rect x='{LEFT}' y='{y:.0}' width='{width:.1}' height='16' fill='{}'/><text x='{:.1}' y='{:.0}'>{}</text>",
            LEFT - 6.0,
            y + 12.0,
            escape(&bar.name),
            colour(bar.colour),
            LEFT + width + 5.0,
            y + 12.0,
            escape(&show(bar.value))
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Lines over time, one under the other on the same scale of time, each with its own scale of
/// values: `step` seconds between two values.
pub(crate) fn panels(title: &str, unit: &str, step: f64, series: &[Series]) -> String {
    const PANEL: f64 = 120.0;
    const SIDE: f64 = 60.0;
    let mut out = begin(WIDTH, 40.0 + (PANEL + 40.0) * series.len() as f64, title);
    let wide = WIDTH - SIDE - 20.0;
    let longest = series
        .iter()
        .map(|one| one.values.len())
        .max()
        .unwrap_or(0)
        .max(1);
    for (index, one) in series.iter().enumerate() {
        let top = 46.0 + (PANEL + 40.0) * index as f64;
        let bottom = top + PANEL;
        // A screen has fewer columns than a long run has bins: each column shows its highest.
        let by = longest.div_ceil(wide as usize).max(1);
        let shown: Vec<f64> = one
            .values
            .chunks(by)
            .map(|chunk| chunk.iter().copied().fold(0.0, f64::max))
            .collect();
        let most = shown.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let width = wide / longest.div_ceil(by) as f64;
        let mut path = format!("M{SIDE:.1} {bottom:.1}");
        for (column, value) in shown.iter().enumerate() {
            let x = SIDE + width * column as f64;
            let y = bottom - PANEL * value / most;
            let _ = write!(path, "L{x:.1} {y:.1}L{:.1} {y:.1}", x + width);
        }
        let _ = write!(path, "L{:.1} {bottom:.1}Z", SIDE + width * shown.len() as f64);
        let _ = writeln!(
            out,
            "<text x='{SIDE}' y='{:.0}'>{}</text><path d='{path}' fill='{}' fill-opacity='0.8'/><line class='a' x1='{SIDE}' y1='{bottom:.0}' x2='{:.0}' y2='{bottom:.0}'/><text x='{:.0}' y='{:.0}' text-anchor='end'>{}</text><text x='{:.0}' y='{bottom:.0}' text-anchor='end'>0</text>",
            top - 6.0,
            escape(&one.name),
            colour(index),
            WIDTH - 20.0,
            SIDE - 5.0,
            top + 10.0,
            crate::table::number(most),
            SIDE - 5.0
        );
        for tick in 0..=5 {
            let x = SIDE + wide * f64::from(tick) / 5.0;
            let seconds = longest as f64 * step * f64::from(tick) / 5.0;
            let _ = writeln!(
                out,
                "<text x='{x:.0}' y='{:.0}' text-anchor='middle'>{} s</text>",
                bottom + 15.0,
                crate::table::number(seconds)
            );
        }
    }
    let _ = writeln!(
        out,
        "<text x='{:.0}' y='20' text-anchor='end'>{}</text>\n</svg>",
        WIDTH - 20.0,
        escape(unit)
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_are_well_formed() {
        let bar = |value| Bar {
            name: "a <b> & 'c'".to_owned(),
            value,
            colour: 7,
        };
        let series = Series {
            name: "one".to_owned(),
            values: (0..5000).map(f64::from).collect(),
        };
        let plots = [
            bars("bars", &[bar(0.0), bar(2.0)], crate::table::number),
            bars("none", &[], crate::table::number),
            panels("lines", "each 100 ms", 0.1, &[series.clone(), series]),
            panels("none", "", 1.0, &[]),
        ];
        for plot in plots {
            let mut depth = 0_i32;
            for tag in plot.split('<').skip(1) {
                let tag = tag.split('>').next().unwrap();
                depth += match (tag.starts_with('/'), tag.ends_with('/')) {
                    (true, _) => -1,
                    (_, true) => 0,
                    _ => 1,
                };
            }
            assert_eq!(depth, 0, "{plot}");
            assert!(!plot.contains("NaN") && !plot.contains("inf"), "{plot}");
        }
    }
}
