//! The field's standard terms as closed sets. One word per idea; the same word in JSON, TOML, the journal and C.

use serde::{Deserialize, Serialize};

macro_rules! term {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $value:literal $text:literal $zh:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant = $value),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word used in TOML, JSON, CSV and the journal.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The Chinese term.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh),+ }
            }

            /// The value with this number.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($value => Some(Self::$variant),)+ _ => None }
            }

            /// The stable number used in packed words, the journal and C.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The value with this stable word or Chinese term.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.text() == text || v.zh() == text)
            }
        }

        impl $crate::said::Speak for $name {
            fn said(&self) -> $crate::said::Said {
                $crate::said::Said { en: self.text().to_owned(), zh: self.zh().to_owned() }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

pub(crate) use term;

term! {
    /// The tier of an institution (医疗机构等级).
    Tier {
        /// Primary: community and township institutions.
        Primary = 1 "primary" "基层",
        /// Secondary hospitals.
        Secondary = 2 "secondary" "二级",
        /// Tertiary hospitals.
        Tertiary = 3 "tertiary" "三级",
    }
}

term! {
    /// The grade of a session (号别).
    Grade {
        /// An ordinary clinic.
        Ordinary = 0 "ordinary" "普通号",
        /// An expert clinic: the base of the tertiary reserve.
        Expert = 1 "expert" "专家号",
        /// A premium clinic.
        Premium = 2 "premium" "特需号",
        /// A clinic for one disease.
        Disease = 3 "disease" "专病号",
    }
}

term! {
    /// The kind of a session.
    Kind {
        /// A visit at the hospital.
        Clinic = 0 "clinic" "门诊",
        /// A visit over the network.
        Online = 1 "online" "互联网门诊",
        /// An examination on a machine.
        Exam = 2 "exam" "检查",
    }
}

term! {
    /// The class of a request: by what right the patient asks. A higher class may do all that `Public` may.
    Class {
        /// Anybody.
        Public = 0 "public" "公众",
        /// Referred by a secondary hospital of the alliance to a tertiary one (上转).
        ReferralSecondary = 1 "referral_secondary" "二级转诊",
        /// Referred by a primary institution of the alliance.
        ReferralPrimary = 2 "referral_primary" "基层转诊",
        /// A contract resident, through the family doctor (签约居民).
        Contract = 3 "contract" "签约居民",
        /// The next visit, booked in the consulting room (诊间预约, 复诊).
        Revisit = 4 "revisit" "复诊",
        /// On site, at the window or kiosk (现场).
        OnSite = 5 "on_site" "现场",
        /// Green channel (绿色通道).
        Green = 6 "green" "绿色通道",
    }
}

impl Class {
    /// Whether the class is a privilege that a ticket must prove.
    #[must_use]
    pub const fn needs_ticket(self) -> bool {
        matches!(
            self,
            Self::ReferralSecondary | Self::ReferralPrimary | Self::Contract | Self::Revisit | Self::Green
        )
    }
}

term! {
    /// The channel through which a request came (渠道).
    Channel {
        /// The hospital's or platform's app.
        App = 0 "app" "手机应用",
        /// A WeChat account or mini-program.
        Wechat = 1 "wechat" "微信",
        /// Telephone.
        Phone = 2 "phone" "电话",
        /// A web page.
        Web = 3 "web" "网页",
        /// A kiosk at the hospital.
        Kiosk = 4 "kiosk" "自助机",
        /// A window at the hospital.
        Window = 5 "window" "窗口",
        /// The doctor's workstation.
        Station = 6 "station" "医生站",
        /// A partner platform (12320, 114).
        Partner = 7 "partner" "合作平台",
    }
}

impl Channel {
    /// Whether the channel is an online one: suspensions apply to these only.
    #[must_use]
    pub const fn is_online(self) -> bool {
        matches!(self, Self::App | Self::Wechat | Self::Phone | Self::Web | Self::Partner)
    }
}

term! {
    /// What sort of visit it is: which rates count it, and which leave it out.
    VisitKind {
        /// An outpatient visit.
        Outpatient = 0 "outpatient" "门诊",
        /// A visit in stomatology, whose revisits have a rate of their own.
        Stomatology = 1 "stomatology" "口腔",
        /// A prenatal check, whose revisits have a rate of their own.
        Prenatal = 2 "prenatal" "产前检查",
        /// An emergency; no rate of booking counts it.
        Emergency = 3 "emergency" "急诊",
        /// A health check-up; no rate of booking counts it.
        Checkup = 4 "checkup" "体检",
        /// A test of the masses; no rate of booking counts it.
        MassTest = 5 "mass_test" "大规模检测",
        /// A refill of medicines without a consultation; no rate of booking counts it.
        Refill = 6 "refill" "单纯开药",
        /// An examination of an inpatient, which has a rate of its own.
        InpatientExam = 7 "inpatient_exam" "住院患者检查",
        /// An examination of an inpatient at the bedside or urgent; its rate leaves it out.
        InpatientExamExempt = 8 "inpatient_exam_exempt" "住院患者床旁或急查",
    }
}

impl VisitKind {
    /// Whether the visit is one of the outpatient visits (总诊疗人次, 急诊人次不计入).
    #[must_use]
    pub const fn is_outpatient(self) -> bool {
        matches!(self, Self::Outpatient | Self::Stomatology | Self::Prenatal)
    }
}

term! {
    /// What came of a visit.
    Outcome {
        /// The patient was seen (就诊).
        Attended = 0 "attended" "已就诊",
        /// Booked, not cancelled, did not come (爽约).
        NoShow = 1 "no_show" "爽约",
        /// The patient gave the seat back in time (退号).
        Cancelled = 2 "cancelled" "已退号",
        /// The patient gave the seat back after the deadline.
        CancelledLate = 3 "cancelled_late" "逾期退号",
        /// The hospital stopped it (停诊).
        Stopped = 4 "stopped" "停诊",
        /// The patient did not come, for a reason that excuses it.
        Excused = 5 "excused" "已免责",
        /// The visit was taken back after all (退费).
        Refunded = 6 "refunded" "已退费",
    }
}
