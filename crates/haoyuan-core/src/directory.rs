//! Who there is: institutions in a tree, alliances, departments, practitioners, each with a code outside and a number
//! inside.
//!
//! # Invariants
//! - INVARIANT (names resolve): every code that an entry mentions is registered, by the same or an earlier file; the
//!   institutions form a forest, and a parent stands at a higher level than its child where both name one.
//! - INVARIANT (numbers stay): numbers are given in order of registration and never change; a refused file gives none.

use crate::civil;
use crate::file;
use crate::ids::{DepartmentId, InstitutionId, PractitionerId};
use crate::instant::Day;
use crate::locate::FileError;
use crate::said;
use crate::said::{Said, Speak};
use crate::terms::{Class, Tier};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::fmt;

/// The level of an institution in the tree province – city – county – township.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 省
    Province,
    /// 市
    City,
    /// 县, 区
    County,
    /// 乡镇, 街道
    Township,
}

/// An institution, as registered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstitutionEntry {
    /// The code, unique on the platform; 1 to 64 bytes.
    pub code: String,
    /// The name.
    pub name: String,
    /// The tier.
    pub tier: Tier,
    /// Where it stands in the tree of the province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// The code of the institution above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// An alliance (医联体, 医共体): institutions that refer to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllianceEntry {
    /// The code, unique on the platform.
    pub code: String,
    /// The name.
    pub name: String,
    /// The codes of its institutions; an institution may be in several alliances.
    pub members: Vec<String>,
}

/// A department of one institution, as registered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepartmentEntry {
    /// The code of its institution.
    pub institution: String,
    /// The code, unique in the institution.
    pub code: String,
    /// The name.
    pub name: String,
}

/// A practitioner, machine or room, as registered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PractitionerEntry {
    /// The code, unique on the platform: one practitioner over all sites.
    pub code: String,
    /// The name.
    pub name: String,
    /// The codes of the institutions where the practitioner may hold sessions (多点执业).
    pub sites: Vec<String>,
    /// The first day of the credential, `2026-01-01`; without it, valid since ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// The last day of the credential, inclusive; without it, valid until further notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
}

/// A file of entries: `[[institution]]`, `[[alliance]]`, `[[department]]`, `[[practitioner]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entries {
    /// Institutions.
    pub institution: Vec<InstitutionEntry>,
    /// Alliances.
    pub alliance: Vec<AllianceEntry>,
    /// Departments.
    pub department: Vec<DepartmentEntry>,
    /// Practitioners.
    pub practitioner: Vec<PractitionerEntry>,
}

/// A registered institution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institution {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its tier.
    pub tier: Tier,
    /// Its level in the tree.
    pub level: Option<Level>,
    /// The institution above it.
    pub parent: Option<InstitutionId>,
}

/// A registered department.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Department {
    /// Its institution.
    pub institution: InstitutionId,
    /// Its code, unique in the institution.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// A registered practitioner, machine or room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Practitioner {
    /// The code.
    pub code: String,
    /// The name.
    pub name: String,
    /// Where sessions may be held.
    pub sites: BTreeSet<InstitutionId>,
    /// The first day of the credential.
    pub valid_from: Option<Day>,
    /// The last day of the credential, inclusive.
    pub valid_to: Option<Day>,
}

impl Practitioner {
    /// Whether the credential is valid on a day.
    #[must_use]
    pub fn is_valid_on(&self, day: Day) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day <= to)
    }
}

/// A registered alliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alliance {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its institutions.
    pub members: BTreeSet<InstitutionId>,
}

/// Why an entry was refused. Nothing of its file was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryError {
    /// The entry and field: `institution[3].parent`.
    pub key: String,
    /// What is wrong and what to do.
    pub reason: Said,
}

impl Speak for EntryError {
    fn said(&self) -> Said {
        said!("`{key}`: {reason}", "`{key}`:{reason}", key = self.key, reason = self.reason)
    }
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for EntryError {}

/// All that is registered.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    institutions: Vec<Institution>,
    departments: Vec<Department>,
    practitioners: Vec<Practitioner>,
    alliances: Vec<Alliance>,
    institution_codes: HashMap<String, InstitutionId>,
    department_codes: HashMap<(InstitutionId, String), DepartmentId>,
    practitioner_codes: HashMap<String, PractitionerId>,
    alliance_codes: HashMap<String, usize>,
}

impl Directory {
    /// Reads a TOML file of [`Entries`] into a new directory.
    ///
    /// # Errors
    /// [`FileError`] names line, column, entry, field and reason.
    pub fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let mut directory = Self::default();
        directory.extend_from(file, text)?;
        Ok(directory)
    }

    /// Reads a TOML file of [`Entries`] into this directory: all of it or nothing.
    ///
    /// # Errors
    /// As [`Directory::parse`].
    pub fn extend_from(&mut self, file: &str, text: &str) -> Result<(), FileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let entries: Entries = file::read(file, text)?;
        self.extend(&entries).map_err(|error| FileError::at_key(file, text, &error.key, error.reason))
    }

    /// Registers entries: all of them or none.
    ///
    /// # Errors
    /// [`EntryError`] names the first entry that is wrong.
    pub fn extend(&mut self, entries: &Entries) -> Result<(), EntryError> {
        let before =
            [self.institutions.len(), self.departments.len(), self.practitioners.len(), self.alliances.len()];
        let result = self.register(entries);
        if result.is_err() {
            // Maps follow their vectors, so undoing is cutting both to where they were.
            let [institutions, departments, practitioners, alliances] = before;
            self.institutions.truncate(institutions);
            self.departments.truncate(departments);
            self.practitioners.truncate(practitioners);
            self.alliances.truncate(alliances);
            self.institution_codes.retain(|_, id| id.index() < institutions);
            self.department_codes.retain(|_, id| id.index() < departments);
            self.practitioner_codes.retain(|_, id| id.index() < practitioners);
            self.alliance_codes.retain(|_, place| *place < alliances);
        }
        result
    }

    fn register(&mut self, entries: &Entries) -> Result<(), EntryError> {
        let first = self.institutions.len();
        for (place, entry) in entries.institution.iter().enumerate() {
            self.register_institution(&format!("institution[{place}]"), entry)?;
        }
        // Parents may come later in the file than their children.
        for (place, entry) in entries.institution.iter().enumerate() {
            self.register_parent(&format!("institution[{place}].parent"), first + place, entry)?;
        }
        self.check_forest(first)?;
        for (place, entry) in entries.department.iter().enumerate() {
            self.register_department(&format!("department[{place}]"), entry)?;
        }
        for (place, entry) in entries.practitioner.iter().enumerate() {
            self.register_practitioner(&format!("practitioner[{place}]"), entry)?;
        }
        for (place, entry) in entries.alliance.iter().enumerate() {
            self.register_alliance(&format!("alliance[{place}]"), entry)?;
        }
        Ok(())
    }

    fn register_institution(&mut self, key: &str, entry: &InstitutionEntry) -> Result<(), EntryError> {
        check_code(key, &entry.code)?;
        check_name(key, &entry.name)?;
        if self.institution_codes.contains_key(&entry.code) {
            let reason = said!(
                "institution `{code}` is registered twice",
                "机构 `{code}` 重复登记",
                code = entry.code
            );
            return Err(error(key, "code", reason));
        }
        let id =
            u16::try_from(self.institutions.len()).ok().and_then(InstitutionId::new).ok_or_else(|| {
                let reason =
                    said!("there are as many institutions as the platform can number", "机构数已达平台上限");
                error(key, "code", reason)
            })?;
        self.institution_codes.insert(entry.code.clone(), id);
        self.institutions.push(Institution {
            code: entry.code.clone(),
            name: entry.name.clone(),
            tier: entry.tier,
            level: entry.level,
            parent: None,
        });
        Ok(())
    }

    fn register_parent(
        &mut self,
        key: &str,
        child: usize,
        entry: &InstitutionEntry,
    ) -> Result<(), EntryError> {
        let Some(code) = &entry.parent else { return Ok(()) };
        let plain = |reason: Said| EntryError { key: key.to_owned(), reason };
        let parent = self.need(key, code)?;
        if let (Some(above), Some(below)) = (self.get(parent).level, entry.level) {
            if above >= below {
                return Err(plain(said!(
                    "institution `{code}` does not stand above `{entry}`: levels are province, city, county, township",
                    "机构 `{code}` 的层级不高于 `{entry}`:层级依次为省、市、县、乡",
                    code,
                    entry = entry.code
                )));
            }
        }
        self.institutions[child].parent = Some(parent);
        Ok(())
    }

    /// That the institutions from `first` on lead upwards to a root, each looked at once: a file may be one long chain. Those
    /// before do already. A cycle is named at its last entry, which closes it.
    fn check_forest(&self, first: usize) -> Result<(), EntryError> {
        let above = |place: usize| {
            let parent = self.institutions[place].parent.map(InstitutionId::index);
            parent.filter(|parent| *parent >= first)
        };
        // From which institution it was first come to.
        let mut come_from = vec![None; self.institutions.len() - first];
        for start in first..self.institutions.len() {
            let mut next = Some(start);
            while let Some(place) = next {
                match come_from[place - first] {
                    None => come_from[place - first] = Some(start),
                    Some(from) if from != start => break,
                    Some(_) => {
                        let cycle =
                            std::iter::successors(above(place), |at| above(*at).filter(|_| *at != place));
                        let last = cycle.max().unwrap_or(place);
                        let reason = said!(
                            "institution `{code}` is above itself; break the cycle",
                            "机构 `{code}` 成了自己的上级;请解除循环",
                            code = self.institutions[last].code
                        );
                        let key = format!("institution[{}].parent", last - first);
                        return Err(EntryError { key, reason });
                    }
                }
                next = above(place);
            }
        }
        Ok(())
    }

    fn register_department(&mut self, key: &str, entry: &DepartmentEntry) -> Result<(), EntryError> {
        check_code(key, &entry.code)?;
        check_name(key, &entry.name)?;
        let institution = self.need(&format!("{key}.institution"), &entry.institution)?;
        let code = (institution, entry.code.clone());
        if self.department_codes.contains_key(&code) {
            let reason = said!(
                "department `{code}` of institution `{institution}` is registered twice",
                "机构 `{institution}` 的科室 `{code}` 重复登记",
                code = entry.code,
                institution = entry.institution
            );
            return Err(error(key, "code", reason));
        }
        let id = u32::try_from(self.departments.len()).ok().and_then(DepartmentId::new).ok_or_else(|| {
            let reason =
                said!("there are as many departments as the platform can number", "科室数已达平台上限");
            error(key, "code", reason)
        })?;
        self.department_codes.insert(code, id);
        self.departments.push(Department { institution, code: entry.code.clone(), name: entry.name.clone() });
        Ok(())
    }

    fn register_practitioner(&mut self, key: &str, entry: &PractitionerEntry) -> Result<(), EntryError> {
        check_code(key, &entry.code)?;
        check_name(key, &entry.name)?;
        if self.practitioner_codes.contains_key(&entry.code) {
            let reason = said!(
                "practitioner `{code}` is registered twice",
                "医生 `{code}` 重复登记",
                code = entry.code
            );
            return Err(error(key, "code", reason));
        }
        if entry.sites.is_empty() {
            let reason = said!("a practitioner needs at least one institution", "医生至少需要一家执业机构");
            return Err(error(key, "sites", reason));
        }
        let mut sites = BTreeSet::new();
        for (place, site) in entry.sites.iter().enumerate() {
            let key = format!("{key}.sites[{place}]");
            if !sites.insert(self.need(&key, site)?) {
                return Err(EntryError { key, reason: twice(site) });
            }
        }
        let valid_from = check_date(&format!("{key}.valid_from"), entry.valid_from.as_deref())?;
        let valid_to = check_date(&format!("{key}.valid_to"), entry.valid_to.as_deref())?;
        if valid_from.zip(valid_to).is_some_and(|(from, to)| to < from) {
            let reason = said!("the credential ends before it begins", "执业资格的截止日早于起始日");
            return Err(error(key, "valid_to", reason));
        }
        let id =
            u32::try_from(self.practitioners.len()).ok().and_then(PractitionerId::new).ok_or_else(|| {
                let reason =
                    said!("there are as many practitioners as the platform can number", "医生数已达平台上限");
                error(key, "code", reason)
            })?;
        self.practitioner_codes.insert(entry.code.clone(), id);
        self.practitioners.push(Practitioner {
            code: entry.code.clone(),
            name: entry.name.clone(),
            sites,
            valid_from,
            valid_to,
        });
        Ok(())
    }

    fn register_alliance(&mut self, key: &str, entry: &AllianceEntry) -> Result<(), EntryError> {
        check_code(key, &entry.code)?;
        check_name(key, &entry.name)?;
        if self.alliance_codes.contains_key(&entry.code) {
            let reason =
                said!("alliance `{code}` is registered twice", "医联体 `{code}` 重复登记", code = entry.code);
            return Err(error(key, "code", reason));
        }
        let mut members = BTreeSet::new();
        for (place, member) in entry.members.iter().enumerate() {
            let key = format!("{key}.members[{place}]");
            if !members.insert(self.need(&key, member)?) {
                return Err(EntryError { key, reason: twice(member) });
            }
        }
        self.alliance_codes.insert(entry.code.clone(), self.alliances.len());
        self.alliances.push(Alliance { code: entry.code.clone(), name: entry.name.clone(), members });
        Ok(())
    }

    fn need(&self, key: &str, code: &str) -> Result<InstitutionId, EntryError> {
        self.institution(code).ok_or_else(|| EntryError {
            key: key.to_owned(),
            reason: said!(
                "there is no institution `{code}`; register it or correct the code",
                "没有机构 `{code}`;请登记该机构或更正编码",
                code
            ),
        })
    }

    /// The number of the institution with this code.
    #[must_use]
    pub fn institution(&self, code: &str) -> Option<InstitutionId> {
        self.institution_codes.get(code).copied()
    }

    /// The number of a department of an institution.
    #[must_use]
    pub fn department(&self, institution: InstitutionId, code: &str) -> Option<DepartmentId> {
        self.department_codes.get(&(institution, code.to_owned())).copied()
    }

    /// The number of the practitioner with this code.
    #[must_use]
    pub fn practitioner(&self, code: &str) -> Option<PractitionerId> {
        self.practitioner_codes.get(code).copied()
    }

    /// All institutions, by number.
    #[must_use]
    pub fn institutions(&self) -> &[Institution] {
        &self.institutions
    }

    /// All departments, by number.
    #[must_use]
    pub fn departments(&self) -> &[Department] {
        &self.departments
    }

    /// All practitioners, by number.
    #[must_use]
    pub fn practitioners(&self) -> &[Practitioner] {
        &self.practitioners
    }

    /// All alliances, in order of registration.
    #[must_use]
    pub fn alliances(&self) -> &[Alliance] {
        &self.alliances
    }

    /// A registered institution.
    ///
    /// # Panics
    /// If the number comes from another directory and is too high for this one.
    #[must_use]
    pub fn get(&self, id: InstitutionId) -> &Institution {
        &self.institutions[id.index()]
    }

    /// Whether two institutions are in one alliance.
    #[must_use]
    pub fn are_allied(&self, a: InstitutionId, b: InstitutionId) -> bool {
        self.alliances.iter().any(|alliance| alliance.members.contains(&a) && alliance.members.contains(&b))
    }

    /// Whether one institution may refer patients up to another: same alliance, and a lower tier.
    #[must_use]
    pub fn may_refer(&self, from: InstitutionId, to: InstitutionId) -> bool {
        self.referral_class(from, to).is_some()
    }

    /// The class of a patient whom one institution refers up to another, if it may.
    #[must_use]
    pub fn referral_class(&self, from: InstitutionId, to: InstitutionId) -> Option<Class> {
        let (lower, upper) =
            (self.institutions.get(from.index())?.tier, self.institutions.get(to.index())?.tier);
        if lower >= upper || !self.are_allied(from, to) {
            return None;
        }
        match lower {
            Tier::Primary => Some(Class::ReferralPrimary),
            Tier::Secondary => Some(Class::ReferralSecondary),
            Tier::Tertiary => None,
        }
    }
}

fn error(key: &str, field: &str, reason: Said) -> EntryError {
    EntryError { key: format!("{key}.{field}"), reason }
}

fn twice(institution: &str) -> Said {
    said!("institution `{institution}` is named twice", "机构 `{institution}` 重复列出", institution)
}

fn check_code(key: &str, code: &str) -> Result<(), EntryError> {
    if code.is_empty() || code.len() > 64 || code.trim() != code || code.chars().any(char::is_control) {
        let reason = said!(
            "a code has 1 to 64 bytes, no control characters and no space at its ends",
            "编码须为 1 至 64 字节,不含控制字符,首尾无空格"
        );
        return Err(error(key, "code", reason));
    }
    Ok(())
}

fn check_name(key: &str, name: &str) -> Result<(), EntryError> {
    if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
        let reason = said!(
            "a name has 1 to 256 bytes and no control characters",
            "名称须为 1 至 256 字节,且不含控制字符"
        );
        return Err(error(key, "name", reason));
    }
    Ok(())
}

fn check_date(key: &str, text: Option<&str>) -> Result<Option<Day>, EntryError> {
    let Some(text) = text else { return Ok(None) };
    civil::parse_date(text).map(Some).ok_or_else(|| EntryError {
        key: key.to_owned(),
        reason: said!(
            "`{text}` is not a date; write it as 2026-03-02",
            "`{text}` 不是日期;请写作 2026-03-02",
            text
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: &str = r#"
[[institution]]
code = "P1"
name = "街道社区卫生服务中心"
tier = "primary"
level = "township"
parent = "S1"

[[institution]]
code = "S1"
name = "县医院"
tier = "secondary"
level = "county"
parent = "T1"

[[institution]]
code = "T1"
name = "省人民医院"
tier = "tertiary"
level = "province"

[[alliance]]
code = "A1"
name = "医联体"
members = ["T1", "S1"]

[[alliance]]
code = "A2"
name = "县域医共体"
members = ["S1", "P1"]

[[department]]
institution = "T1"
code = "CARD"
name = "心内科"

[[practitioner]]
code = "D1"
name = "王医生"
sites = ["T1", "S1"]
valid_from = "2026-01-01"
valid_to = "2026-12-31"
"#;

    #[test]
    fn codes_become_numbers_and_names_resolve() {
        let directory = Directory::parse("house.toml", HOUSE).unwrap();
        let (p, s, t) = ("P1", "S1", "T1");
        let id = |code| directory.institution(code).unwrap();
        assert_eq!(directory.get(id(p)).parent, Some(id(s)));
        assert_eq!(directory.department(id(t), "CARD").unwrap().get(), 0);
        assert_eq!(directory.department(id(s), "CARD"), None);
        let doctor = &directory.practitioners()[directory.practitioner("D1").unwrap().index()];
        assert_eq!(doctor.sites, [id(s), id(t)].into());
        let valid = |text| doctor.is_valid_on(civil::parse_date(text).unwrap());
        assert!(valid("2026-01-01") && valid("2026-12-31"));
        assert!(!valid("2025-12-31") && !valid("2027-01-01"));
    }

    #[test]
    fn patients_are_referred_up_within_an_alliance() {
        let directory = Directory::parse("house.toml", HOUSE).unwrap();
        let class = |a, b| {
            directory.referral_class(directory.institution(a).unwrap(), directory.institution(b).unwrap())
        };
        assert_eq!(class("S1", "T1"), Some(Class::ReferralSecondary));
        assert_eq!(class("P1", "S1"), Some(Class::ReferralPrimary));
        assert_eq!(class("P1", "T1"), None, "not in one alliance");
        assert_eq!(class("T1", "S1"), None, "not upwards");
        assert_eq!(class("S1", "S1"), None);
    }

    #[track_caller]
    fn check(change: impl Fn(&str) -> String, line: usize, key: &str, reason: &str) {
        let text = change(HOUSE);
        let error = Directory::parse("house.toml", &text).unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
        assert!(error.reason.en.contains(reason), "{error}");
        assert!(!error.reason.zh.is_ascii(), "{error}: {}", error.reason.zh);
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let replace = |from: &'static str, to: &'static str| move |text: &str| text.replacen(from, to, 1);
        check(
            replace("parent = \"S1\"", "parent = \"S9\""),
            7,
            "institution[0].parent",
            "no institution `S9`",
        );
        check(
            replace("\"province\"", "\"province\"\nparent = \"P1\""),
            21,
            "institution[2].parent",
            "does not stand",
        );
        check(
            replace("level = \"province\"", "parent = \"P1\""),
            20,
            "institution[2].parent",
            "above itself",
        );
        check(
            replace("level = \"township\"\nparent = \"S1\"", "parent = \"P1\""),
            6,
            "institution[0].parent",
            "`P1` is above itself",
        );
        check(replace("code = \"S1\"", "code = \"P1\""), 10, "institution[1].code", "twice");
        check(
            replace("members = [\"T1\", \"S1\"]", "members = [\"T1\", \"X\"]"),
            25,
            "alliance[0].members[1]",
            "`X`",
        );
        check(
            replace("tier = \"primary\"", "tier = \"quaternary\""),
            5,
            "institution[0].tier",
            "unknown variant",
        );
        check(
            replace("level = \"township\"", "levle = \"township\""),
            6,
            "institution[0].levle",
            "unknown field",
        );
        check(replace("2026-12-31", "2025-12-31"), 42, "practitioner[0].valid_to", "ends before");
        check(replace("2026-12-31", "31.12.2026"), 42, "practitioner[0].valid_to", "not a date");
        check(replace("sites = [\"T1\", \"S1\"]", "sites = []"), 40, "practitioner[0].sites", "at least one");
        check(replace("code = \"CARD\"", "code = \"\""), 34, "department[0].code", "1 to 64 bytes");
    }

    #[test]
    fn a_hostile_directory_is_refused_or_read_and_what_is_said_is_no_longer_than_it() {
        const HUGE: usize = 10 << 20;
        let institution = |code: &str, more: &str| {
            format!("[[institution]]\ncode=\"{code}\"\nname=\"x\"\ntier=\"primary\"\n{more}\n")
        };
        let x = "x".repeat(HUGE);
        for (what, text) in [
            ("open tables", "[".repeat(HUGE)),
            ("open arrays", format!("institution = {}", "[".repeat(HUGE))),
            ("nested arrays", format!("institution = {}{}", "[".repeat(100_000), "]".repeat(100_000))),
            ("a dotted key", format!("{}b = 1", "a.".repeat(HUGE / 2))),
            ("empty entries", "[[institution]]\n".repeat(HUGE / 16)),
            ("a key", format!("{x} = 1")),
            ("a name", institution("A", "").replace("\"x\"", &format!("\"{x}\""))),
            ("a code", institution(&x, "")),
            ("a parent", institution("A", &format!("parent=\"{x}\""))),
            ("an open text", format!("name = \"{x}")),
            ("an integer", format!("code = {}", "9".repeat(HUGE))),
            ("a zero byte", institution("A\0", "")),
            ("a control character", institution("A\\u0007", "")),
            ("a table twice", "[a]\n[a]\n".to_owned()),
            ("no table", "institution = 7\n".to_owned()),
        ] {
            let mut directory = Directory::default();
            let error = directory.extend_from("house.toml", &text).expect_err(what);
            assert!(error.to_string().len() < 4 * text.len() + 1_000, "{what}");
            assert!(!error.reason.zh.is_ascii(), "{what}");
            assert!(directory.institutions().is_empty(), "{what}");
        }
        // As many as can be numbered, each below the one before: read, or refused with the place of the one too many.
        let chain: String = (0..70_000_u32)
            .map(|n| {
                institution(
                    &format!("I{n}"),
                    &n.checked_sub(1).map_or_else(String::new, |n| format!("parent=\"I{n}\"")),
                )
            })
            .collect();
        let error = Directory::parse("house.toml", &chain).unwrap_err();
        assert!(error.reason.en.contains("as many institutions as"), "{error}");
        let fits = chain.split_inclusive("[[institution]]\n").take(60_001).collect::<String>();
        let fits = fits.strip_suffix("[[institution]]\n").unwrap_or(&fits);
        assert_eq!(Directory::parse("house.toml", fits).map(|read| read.institutions().len()), Ok(60_000));
    }

    #[test]
    fn a_refused_file_changes_nothing() {
        let mut directory = Directory::parse("house.toml", HOUSE).unwrap();
        let before = format!("{:?}", directory.institutions());
        let more = "[[institution]]\ncode=\"T2\"\nname=\"二院\"\ntier=\"tertiary\"\n[[institution]]\ncode=\"T1\"\nname=\"x\"\ntier=\"primary\"\n";
        assert!(directory.extend_from("more.toml", more).is_err());
        assert_eq!(format!("{:?}", directory.institutions()), before);
        assert_eq!(directory.institution("T2"), None);
        assert_eq!(directory.institution("T1").unwrap().get(), 2);
        directory.extend_from("more.toml", &more.replace("\"T1\"", "\"T3\"")).unwrap();
        assert_eq!(directory.institution("T3").unwrap().get(), 4);
    }
}
