//! The load of a day per half hour (就诊时段分布), as bars in the terminal and as an SVG file.
//!
//! The SVG is written by hand: it is small, scales, follows the reader's light or dark theme, and says everything it
//! shows in words too (`title`, `desc` in both languages), so that a screen reader has the same information.

use crate::lang::{Lang, say};
use crate::text::{date, grouped, pad};
use haoyuan_core::instant::{Day, Instant, MINUTE};
use serde::Serialize;
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// The load of one half hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HalfHour {
    /// Seats.
    pub(crate) capacity: u32,
    /// Live seats taken by the public.
    pub(crate) public: u32,
    /// Live seats taken by right: referral, contract, revisit, on site, green.
    pub(crate) privileged: u32,
    /// Requests for a seat of this half hour, over the whole run.
    pub(crate) asked: u32,
}

impl HalfHour {
    const fn live(self) -> u32 {
        self.public + self.privileged
    }

    /// Rounded to the nearest whole percent.
    const fn percent(self) -> u32 {
        if self.capacity == 0 { 0 } else { (self.live() * 200 + self.capacity) / (2 * self.capacity) }
    }
}

/// The load of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// The day.
    pub(crate) day: Day,
    /// Half hours in order; those without seats are left out.
    pub(crate) half_hours: Vec<(Instant, HalfHour)>,
}

/// One half hour in JSON.
#[derive(Debug, Serialize)]
pub(crate) struct LoadRow {
    from: String,
    capacity: u32,
    live: u32,
    public: u32,
    privileged: u32,
    asked: u32,
}

/// The half hour that an instant is in.
pub(crate) const fn half_hour(at: Instant) -> Instant {
    Instant::saturating(at.ms().div_euclid(30 * MINUTE) * 30 * MINUTE)
}

/// `08:30` at +08:00; the day after counts on: `24:30`.
fn clock(day: Day, at: Instant) -> String {
    let minutes = (at.ms() - day.midnight().ms()) / MINUTE;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl Load {
    /// The rows for JSON.
    pub(crate) fn rows(&self) -> Vec<LoadRow> {
        self.half_hours
            .iter()
            .map(|(at, load)| LoadRow {
                from: clock(self.day, *at),
                capacity: load.capacity,
                live: load.live(),
                public: load.public,
                privileged: load.privileged,
                asked: load.asked,
            })
            .collect()
    }

    /// Bars, 80 columns wide.
    pub(crate) fn terminal(&self, lang: Lang) -> String {
        const WIDTH: u32 = 40;
        let mut text = String::new();
        let fullest = self.half_hours.iter().map(|(_, load)| load.capacity).max().unwrap_or(0).max(1);
        for (at, load) in &self.half_hours {
            let cells = |seats: u32| (seats * WIDTH * 2).div_ceil(fullest).div_ceil(2) as usize;
            let (public, live, all) = (cells(load.public), cells(load.live()), cells(load.capacity));
            let bar = "█".repeat(public) + &"▓".repeat(live - public) + &"░".repeat(all.saturating_sub(live));
            let figures = format!("{}/{}", grouped(load.live()), grouped(load.capacity));
            let _ = writeln!(
                text,
                "  {} {} {figures:>11} {:>3} % {:>9}",
                clock(self.day, *at),
                pad(&bar, WIDTH as usize),
                load.percent(),
                grouped(load.asked),
            );
        }
        let _ = writeln!(text, "  {}", say!(lang, "load.legend"));
        text
    }

    fn sentence(&self, lang: Lang) -> String {
        let live: u32 = self.half_hours.iter().map(|(_, load)| load.live()).sum();
        let capacity: u32 = self.half_hours.iter().map(|(_, load)| load.capacity).sum();
        let mut text =
            say!(lang, "svg.desc", day = date(self.day), live = grouped(live), capacity = grouped(capacity));
        for (at, load) in &self.half_hours {
            text.push(' ');
            text.push_str(&self.row(*at, *load, lang));
        }
        text
    }

    fn row(&self, at: Instant, load: HalfHour, lang: Lang) -> String {
        say!(
            lang,
            "svg.row",
            from = clock(self.day, at),
            live = grouped(load.live()),
            capacity = grouped(load.capacity),
            percent = load.percent(),
            privileged = grouped(load.privileged),
            asked = grouped(load.asked),
        )
    }

    /// The picture as a file.
    pub(crate) fn svg(&self, name: &str, lang: Lang) -> String {
        let count = u32::try_from(self.half_hours.len()).unwrap_or(0).max(1);
        let fullest = self.half_hours.iter().map(|(_, load)| load.capacity).max().unwrap_or(0);
        let canvas = Canvas { load: self, lang, top: round_up(fullest), right: LEFT + count * STEP };
        let mut svg = String::new();
        canvas.begin(&mut svg, name);
        canvas.keys(&mut svg);
        canvas.grid(&mut svg);
        for ((at, load), place) in self.half_hours.iter().zip(0u32..) {
            canvas.bar(&mut svg, *at, *load, LEFT + place * STEP + (STEP - BAR) / 2);
        }
        canvas.end(&mut svg);
        svg
    }
}

/// Left and upper margin, height of the plot, distance and width of the bars.
const LEFT: u32 = 64;
const TOP: u32 = 92;
const HEIGHT: u32 = 300;
const STEP: u32 = 52;
const BAR: u32 = 36;
/// The line on which the bars stand.
const BOTTOM: u32 = TOP + HEIGHT;

/// An SVG file under way. Writing to a string cannot fail.
struct Canvas<'a> {
    load: &'a Load,
    lang: Lang,
    /// Seats at the top of the plot.
    top: u32,
    /// Where the plot ends.
    right: u32,
}

impl Canvas<'_> {
    const fn height(&self, seats: u32) -> u32 {
        seats * HEIGHT / self.top
    }

    fn begin(&self, svg: &mut String, name: &str) {
        let day = date(self.load.day);
        let (width, total) = ((self.right + 24).max(560), BOTTOM + 84);
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {total}\" width=\"{width}\" \
             height=\"{total}\" role=\"img\" aria-labelledby=\"t d\" xml:lang=\"{}\">",
            self.lang.tag()
        );
        let other = if self.lang == Lang::En { Lang::Zh } else { Lang::En };
        // The first of each is the one that a reader without a preference gets.
        for (lang, title, desc) in [(self.lang, " id=\"t\"", " id=\"d\""), (other, "", "")] {
            let (tag, heading) = (lang.tag(), say!(lang, "svg.title", day = day));
            let _ = writeln!(svg, "<title{title} lang=\"{tag}\">{}</title>", escape(&heading));
            let _ = writeln!(svg, "<desc{desc} lang=\"{tag}\">{}</desc>", escape(&self.load.sentence(lang)));
        }
        svg.push_str(STYLE);
        let _ = writeln!(svg, "<rect class=\"paper\" width=\"{width}\" height=\"{total}\"/>");
        let heading = say!(self.lang, "svg.title", day = day);
        let _ = writeln!(svg, "<text class=\"head\" x=\"{LEFT}\" y=\"32\">{}</text>", escape(&heading));
        let _ = writeln!(svg, "<text class=\"sub\" x=\"{LEFT}\" y=\"52\">{}</text>", escape(name));
    }

    fn keys(&self, svg: &mut String) {
        let lang = self.lang;
        let keys = [
            ("public", say!(lang, "svg.public")),
            ("right", say!(lang, "svg.privileged")),
            ("free", say!(lang, "svg.free")),
        ];
        let mut x = LEFT;
        for (class, key) in keys {
            let _ = writeln!(svg, "<rect class=\"{class}\" x=\"{x}\" y=\"64\" width=\"12\" height=\"12\"/>");
            let _ = writeln!(svg, "<text class=\"key\" x=\"{}\" y=\"74\">{}</text>", x + 18, escape(&key));
            x += 34 + 7 * u32::try_from(key.width()).unwrap_or(10);
        }
    }

    fn grid(&self, svg: &mut String) {
        for part in 0..=4 {
            let seats = self.top * part / 4;
            let (y, right) = (BOTTOM - self.height(seats), self.right);
            let _ =
                writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y}\" y2=\"{y}\"/>");
            let (x, y) = (LEFT - 8, y + 4);
            let _ = writeln!(svg, "<text class=\"tick end\" x=\"{x}\" y=\"{y}\">{}</text>", grouped(seats));
        }
    }

    fn bar(&self, svg: &mut String, at: Instant, load: HalfHour, x: u32) {
        let (all, live, public) =
            (self.height(load.capacity), self.height(load.live()), self.height(load.public));
        let _ = writeln!(svg, "<g><title>{}</title>", escape(&self.load.row(at, load, self.lang)));
        for (class, from, to) in [("free", live, all), ("right", public, live), ("public", 0, public)] {
            let (y, height) = (BOTTOM - to, to - from);
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{BAR}\" height=\"{height}\"/>"
            );
        }
        let middle = x + BAR / 2;
        let texts = [
            ("tick", BOTTOM - all - 6, format!("{} %", load.percent())),
            ("tick", BOTTOM + 18, clock(self.load.day, at)),
            ("small", BOTTOM + 36, grouped(load.asked)),
        ];
        for (class, y, text) in texts {
            let _ = writeln!(svg, "<text class=\"{class} mid\" x=\"{middle}\" y=\"{y}\">{text}</text>");
        }
        svg.push_str("</g>\n");
    }

    fn end(&self, svg: &mut String) {
        let right = self.right;
        let _ = writeln!(
            svg,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>"
        );
        let (y, note) = (BOTTOM + 62, say!(self.lang, "svg.note"));
        let _ =
            writeln!(svg, "<text class=\"small\" x=\"{LEFT}\" y=\"{y}\">{}</text>\n</svg>", escape(&note));
    }
}

const STYLE: &str = "<style>
text{font-family:system-ui,'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif;fill:#1c2430}
.paper{fill:#fff}.head{font-size:18px;font-weight:600}.sub,.key,.tick{font-size:12px}.small{font-size:11px;fill:#4a5565}
.mid{text-anchor:middle}.end{text-anchor:end}.grid{stroke:#d5dae1}.axis{stroke:#1c2430}
.public{fill:#1f5fae}.right{fill:#e08a1e}.free{fill:#e6e9ee;stroke:#b8c0cb}
@media (prefers-color-scheme:dark){text{fill:#e8ecf2}.paper{fill:#14181f}.small{fill:#aab4c3}.grid{stroke:#333b47}
.axis{stroke:#e8ecf2}.public{fill:#6ea8f0}.right{fill:#f0a94e}.free{fill:#262d38;stroke:#4a5565}}
</style>
";

/// The next number above that divides well by four.
fn round_up(seats: u32) -> u32 {
    let mut step = 4;
    while step * 10 < seats {
        step *= 10;
    }
    seats.max(1).div_ceil(step) * step
}

/// Text for XML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        let day = Day(20_521);
        let at = |minutes| day.midnight().plus(minutes * MINUTE);
        let row = |capacity, public, privileged| HalfHour { capacity, public, privileged, asked: 12_345 };
        Load {
            day,
            half_hours: vec![
                (at(480), row(1_000, 700, 300)),
                (at(510), row(1_000, 1, 0)),
                (at(540), row(500, 0, 500)),
                (at(1_470), row(7, 3, 1)),
            ],
        }
    }

    #[test]
    fn bars_fit_eighty_columns_and_a_full_one_is_full() {
        for lang in [Lang::En, Lang::Zh] {
            let text = load().terminal(lang);
            assert!(text.lines().all(|line| line.width() <= 80), "{text}");
            assert!(text.contains(&("█".repeat(28) + &"▓".repeat(12) + " ")), "{text}");
            assert!(text.contains("24:30"), "{text}");
        }
    }

    #[test]
    fn the_picture_says_in_words_what_it_shows() {
        for lang in [Lang::En, Lang::Zh] {
            let svg = load().svg("A & <B>", lang);
            assert!(svg.contains("A &amp; &lt;B&gt;"));
            assert!(svg.contains("lang=\"en\"") && svg.contains("lang=\"zh\""));
            for words in [
                "role=\"img\"",
                "aria-labelledby=\"t d\"",
                "<title id=\"t\"",
                "<desc id=\"d\"",
                "1,000",
                "57 %",
            ] {
                assert!(svg.contains(words), "{words}");
            }
        }
    }

    #[test]
    fn a_day_without_seats_is_still_a_picture() {
        let load = Load { day: Day(20_521), half_hours: Vec::new() };
        assert!(load.svg("x", Lang::En).ends_with("</svg>\n"));
        assert!(!load.terminal(Lang::Zh).is_empty());
    }

    #[test]
    fn half_hours_begin_at_the_hour_and_at_half_past() {
        let day = Day(20_521);
        let at = |minutes: i64| day.midnight().plus(minutes * MINUTE);
        assert_eq!(half_hour(at(509)), at(480));
        assert_eq!(half_hour(at(510)), at(510));
    }
}
