//! Chain heads that leave the house: signed, printed or deposited, they show later that nothing was rewritten.

use crate::error::Error;
use crate::hash::Head;
use crate::reader::Position;
use haoyuan_core::said::Phrase;
use std::fmt;
use std::str::FromStr;

/// The chain head after so many records of a segment.
///
/// Displayed as one line, `00000003 1234 9f86…`: segment, records, head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// The segment.
    pub segment: u32,
    /// How many records of the whole journal it covers, up to a commit block of this segment.
    pub records: u64,
    /// The head.
    pub head: Head,
}

impl SegmentHead {
    pub(crate) fn at(position: &Position) -> Self {
        Self { segment: position.segment, records: position.record, head: position.head }
    }
}

impl fmt::Display for SegmentHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08} {} {}", self.segment, self.records, self.head)
    }
}

impl FromStr for SegmentHead {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::HeadText { line: line.to_owned(), reason };
        let mut words = line.split_whitespace();
        let (Some(segment), Some(records), Some(head), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong(Phrase::new(
                "a line has a segment, a number of records and a head",
                "每行须有段号、记录数与链头",
            )));
        };
        Ok(Self {
            segment: segment
                .parse()
                .map_err(|_| wrong(Phrase::new("the segment is no number", "段号不是数字")))?,
            records: records
                .parse()
                .map_err(|_| wrong(Phrase::new("the number of records is none", "记录数不是数字")))?,
            head: head.parse().map_err(|_| {
                wrong(Phrase::new("a head has 64 hexadecimal digits", "链头须为 64 位十六进制数"))
            })?,
        })
    }
}
