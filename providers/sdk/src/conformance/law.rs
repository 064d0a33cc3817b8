//! The laws by name, and what a run of the kit found out about each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One law of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// Names are unique, everything is documented, defaults fit their types.
    SchemaIsSane,
    /// `prepare` gives the same answer twice, takes unknown values, and does not change what it has settled.
    PrepareIsPure,
    /// What the plan showed as known is what apply did.
    KnownStaysKnown,
    /// After apply, read and plan find nothing to do.
    Converges,
    /// Reading and planning change nothing real.
    PlanChangesNothing,
    /// A batch is answered item by item, in order.
    AnswersInOrder,
    /// Deleting what is gone succeeds.
    DeleteOfGoneSucceeds,
    /// Applying twice equals applying once.
    TwiceIsOnce,
    /// A cancelled operation leaves a record that tells the truth.
    CancellationIsTruthful,
    /// A failed operation leaves a record that tells the truth.
    FailureIsTruthful,
    /// What does not bear our mark is refused and left alone.
    NotOursIsUntouched,
    /// `find` finds what an interrupted operation left, and nothing else.
    FindsWhatWasLeft,
    /// An engine that does not answer is never taken for an absent object.
    UnreadableIsNotAbsent,
    /// A change behind our back is noticed and put right.
    DriftIsNoticed,
    /// A removal behind our back is noticed and put right.
    RemovalIsNoticed,
    /// A replacement that makes the new one first ends with exactly the new one.
    CreateFirstHandsOver,
    /// A sensitive value shows in no message, progress, plan or record.
    SecretsStayHidden,
    /// What goes to the journal in clear to find an object again holds nothing secret.
    IdentityHoldsNoSecret,
    /// An edit gives the action that the schema promises, and then nothing to do.
    EditsAreAsPredicted,
    /// When everything is deleted, nothing is left.
    NothingIsLeft,
}

impl Law {
    /// All of them.
    pub const ALL: [Law; 20] = [
        Self::SchemaIsSane,
        Self::PrepareIsPure,
        Self::KnownStaysKnown,
        Self::Converges,
        Self::PlanChangesNothing,
        Self::AnswersInOrder,
        Self::DeleteOfGoneSucceeds,
        Self::TwiceIsOnce,
        Self::CancellationIsTruthful,
        Self::FailureIsTruthful,
        Self::NotOursIsUntouched,
        Self::FindsWhatWasLeft,
        Self::UnreadableIsNotAbsent,
        Self::DriftIsNoticed,
        Self::RemovalIsNoticed,
        Self::CreateFirstHandsOver,
        Self::SecretsStayHidden,
        Self::IdentityHoldsNoSecret,
        Self::EditsAreAsPredicted,
        Self::NothingIsLeft,
    ];
}

/// One broken law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub law: Law,
    /// In which case; empty for the provider as a whole.
    pub case: String,
    /// In what way.
    pub what: String,
}

/// What a run of the kit found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The seed of the random edits; the same one gives the same edits.
    pub seed: u64,
    /// How often each law was put to the test.
    pub examined: BTreeMap<Law, usize>,
    /// What was broken.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Whether nothing was broken.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// The laws that were not put to the test even once.
    pub fn unexamined(&self) -> Vec<Law> {
        Law::ALL.into_iter().filter(|law| !self.examined.contains_key(law)).collect()
    }

    /// The laws that were broken.
    pub fn broken(&self) -> BTreeSet<Law> {
        self.violations.iter().map(|violation| violation.law).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            writeln!(f, "{:?} broken by {}: {}", violation.law, violation.case, violation.what)?;
        }
        let examined: usize = self.examined.values().sum();
        write!(f, "{} violations in {examined} examinations; seed {}", self.violations.len(), self.seed)
    }
}
