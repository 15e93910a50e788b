//! Pictures: bars on a logarithmic scale, and curves.

use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

/// A curve: its name and its points.
pub type Curve = (String, Vec<(f64, f64)>);

const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(90, 90, 90),
    RGBColor(150, 75, 0),
];

fn failed(error: impl std::fmt::Display) -> String {
    format!("a chart could not be drawn: {error}")
}

/// 1234567 as `1.23 M`.
#[must_use]
pub fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v >= 1e9 => (v / 1e9, " G"),
        v if v >= 1e6 => (v / 1e6, " M"),
        v if v >= 1e3 => (v / 1e3, " k"),
        v => (v, ""),
    };
    let digits = if scaled >= 100.0 {
        0
    } else if scaled >= 10.0 {
        1
    } else {
        2
    };
    format!("{scaled:.digits$}{unit}")
}

/// A bar for each row, from 10 to the power of whatever is below the least; the value stands beside it.
///
/// # Errors
/// If the file cannot be written.
pub fn bars(path: &Path, title: &str, unit: &str, rows: &[(String, f64)]) -> Result<(), String> {
    const ROW: u32 = 24;
    const LABEL: i32 = 400;
    const WIDTH: u32 = 960;
    let rows: Vec<_> = rows.iter().filter(|row| row.1.is_finite() && row.1 > 0.0).collect();
    let height = 70 + ROW * u32::try_from(rows.len()).map_err(failed)?;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    let text = |area: &DrawingArea<SVGBackend<'_>, Shift>, words: &str, size: i32, at: (i32, i32)| {
        area.draw_text(words, &("sans-serif", size).into_text_style(area), at).map_err(failed)
    };
    text(&area, title, 18, (12, 10))?;
    text(&area, &format!("{unit}, logarithmic scale"), 13, (12, 34))?;
    let least = rows.iter().map(|row| row.1).fold(f64::INFINITY, f64::min);
    let most = rows.iter().map(|row| row.1).fold(1.0, f64::max);
    let (low, high) = ((least.log10() - 0.3).floor(), most.log10());
    let room = f64::from(WIDTH) - f64::from(LABEL) - 90.0;
    let mut top = 56;
    for (name, value) in rows {
        #[expect(clippy::cast_possible_truncation, reason = "pixels of a picture")]
        let length = ((value.log10() - low) / (high - low).max(0.1) * room) as i32;
        let colour = COLOURS[usize::from(!name.starts_with("haoyuan"))];
        let bar = [(LABEL, top + 3), (LABEL + length.max(1), top + 19)];
        area.draw(&Rectangle::new(bar, colour.filled())).map_err(failed)?;
        text(&area, name, 13, (12, top + 4))?;
        text(&area, &short(*value), 13, (LABEL + length.max(1) + 6, top + 4))?;
        top += i32::try_from(ROW).map_err(failed)?;
    }
    area.present().map_err(failed)
}

/// Curves on logarithmic axes.
///
/// # Errors
/// If the file cannot be written.
pub fn curves(path: &Path, title: &str, (x, y): (&str, &str), curves: &[Curve]) -> Result<(), String> {
    let points = || curves.iter().flat_map(|(_, points)| points.iter().copied());
    let range = |of: fn((f64, f64)) -> f64| {
        let (low, high) = points().map(of).fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
        if low.is_finite() && low > 0.0 {
            Ok((low / 1.3)..(high * 1.3))
        } else {
            Err("no points for a chart")
        }
    };
    let (across, up) = (range(|p| p.0)?, range(|p| p.1)?);
    let area = SVGBackend::new(path, (960, 560)).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(80)
        .build_cartesian_2d(across.log_scale(), up.log_scale())
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc(x)
        .y_desc(y)
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .draw()
        .map_err(failed)?;
    for (number, (name, points)) in curves.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))
            .map_err(failed)?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::UpperLeft)
        .draw()
        .map_err(failed)?;
    drop(chart);
    area.present().map_err(failed)
}
