//! The workloads that haoyuan is measured by, as code: what is published, what is asked, how threads ask it, and how the
//! verdicts are checked afterwards.
//!
//! INVARIANT (a run counts only if its verdicts check): every driver keeps what it was told, and a suite asserts over it
//! before it prints a figure: seats distinct and legal, the patient rule kept, no refusal without a cause that still
//! stands, grants as many as a sequential reference grants.
//!
//! | | hot slot | morning rush | uniform churn |
//! |---|---|---|---|
//! | slots × seats | 1 × 63 | 2,000 × 8 | 2,000 × 63 |
//! | reserves referral / primary / staff | 19 / 10 / 3 | 2 / 1 / 1 | 19 / 10 / 3 |
//! | patients | 100,000 | 100,000, two requests each | 100,000 |
//! | requests | book until refused, release all, repeat | 200,000, fixed by seed | book at random; a slot that refuses is released |
//!
//! The peers that one would use instead do the same work through [`peers::System`], and [`contest`] believes nobody's figure
//! whose verdicts differ; [`open_loop`] shows latencies at fixed rates. The program `haoyuan-bench` runs both.
//!
//! Classes ask in the shares 70 % public, 15 % referral from a secondary hospital, 10 % from a primary institution, 5 %
//! staff. A patient may have one live booking per practitioner and day: each practitioner is a department of its own, and
//! the limit is one per department and day. Two visits at the same half-hour are refused as well, as everywhere.

pub mod charts;
pub mod check;
pub mod contest;
pub mod drive;
pub mod hospital;
pub mod line_up;
pub mod measure;
pub mod open_loop;
pub mod peers;
pub mod reference;
pub mod report;
pub mod trace;
pub mod work;
