//! Numbers that do not lose precision.
//!
//! Whole numbers that fit are kept as `i64`, everything else as an exact decimal. A number is always in its one normal
//! form, so equality is structural. The size of a number is bounded, because `1e999999999 + 1` would otherwise be a
//! gigabyte of digits.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};

/// The most digits a number may have before or after its point.
const MAX_DIGITS: i64 = 1_000;

/// Digits kept where a result has no end, as in `1 / 3`.
const DIVISION_DIGITS: u64 = 60;

/// A number of the configuration language: exact, and bounded in size.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Int(i64),
    Decimal(Arc<BigDecimal>),
}

/// Why an operation on numbers has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not a number.
    #[error("not a number")]
    NotANumber,
    /// The result has more digits than a number may have.
    #[error("the number has more than 1000 digits")]
    TooLarge,
    /// The divisor is zero.
    #[error("division by zero")]
    DivisionByZero,
}

impl Number {
    /// Reads a number as the language writes it: `12`, `-0.5`, `1e3`.
    ///
    /// # Errors
    /// [`NumberError::NotANumber`] for other text, [`NumberError::TooLarge`] past the bound on digits.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        if let Ok(int) = text.parse::<i64>() {
            return if text.starts_with('+') { Err(NumberError::NotANumber) } else { Ok(Self::from(int)) };
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plausible = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        if !plausible {
            return Err(NumberError::NotANumber);
        }
        if let Some(at) = digits.find(['e', 'E']) {
            let exponent = digits[at + 1..].parse::<i64>().map_err(|_| NumberError::NotANumber)?;
            if exponent.abs() > MAX_DIGITS {
                return Err(NumberError::TooLarge);
            }
        }
        if digits.len() as i64 > 2 * MAX_DIGITS {
            return Err(NumberError::TooLarge);
        }
        let decimal = text.parse::<BigDecimal>().map_err(|_| NumberError::NotANumber)?;
        Self::from_decimal(&decimal)
    }

    /// The number nearest to a float, in its shortest decimal form.
    ///
    /// # Errors
    /// [`NumberError::NotANumber`] for NaN and infinities.
    pub fn from_f64(value: f64) -> Result<Self, NumberError> {
        if !value.is_finite() {
            return Err(NumberError::NotANumber);
        }
        Self::parse(&format!("{value:e}"))
    }

    fn from_decimal(decimal: &BigDecimal) -> Result<Self, NumberError> {
        let decimal = decimal.normalized();
        let (_, scale) = decimal.as_bigint_and_exponent();
        let digits = decimal.digits() as i64;
        if scale > MAX_DIGITS || digits - scale > MAX_DIGITS {
            return Err(NumberError::TooLarge);
        }
        if decimal.is_integer()
            && let Some(int) = decimal.to_i64()
        {
            return Ok(Self::from(int));
        }
        Ok(Self(Repr::Decimal(Arc::new(decimal))))
    }

    fn decimal(&self) -> BigDecimal {
        match &self.0 {
            Repr::Int(int) => BigDecimal::from(*int),
            Repr::Decimal(decimal) => (**decimal).clone(),
        }
    }

    /// The number as `i64`, if it is whole and fits.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(int) => Some(*int),
            Repr::Decimal(_) => None,
        }
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(int) => *int as f64,
            Repr::Decimal(decimal) => decimal.to_f64().unwrap_or(f64::NAN),
        }
    }

    /// Whether the number has no fraction.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Decimal(decimal) => decimal.is_integer(),
        }
    }

    /// `self + other`.
    ///
    /// # Errors
    /// [`NumberError::TooLarge`] past the bound on digits.
    pub fn add(&self, other: &Self) -> Result<Self, NumberError> {
        match (self.to_i64(), other.to_i64()) {
            (Some(a), Some(b)) if a.checked_add(b).is_some() => Ok(Self::from(a.wrapping_add(b))),
            _ => Self::from_decimal(&(self.decimal() + other.decimal())),
        }
    }

    /// `self - other`.
    ///
    /// # Errors
    /// [`NumberError::TooLarge`] past the bound on digits.
    pub fn subtract(&self, other: &Self) -> Result<Self, NumberError> {
        self.add(&other.negate())
    }

    /// `self * other`.
    ///
    /// # Errors
    /// [`NumberError::TooLarge`] past the bound on digits.
    pub fn multiply(&self, other: &Self) -> Result<Self, NumberError> {
        match (self.to_i64(), other.to_i64()) {
            (Some(a), Some(b)) if a.checked_mul(b).is_some() => Ok(Self::from(a.wrapping_mul(b))),
            _ => Self::from_decimal(&(self.decimal() * other.decimal())),
        }
    }

    /// `self / other`: exact where the result ends, to sixty digits where it does not.
    ///
    /// # Errors
    /// [`NumberError::DivisionByZero`], or [`NumberError::TooLarge`] past the bound on digits.
    pub fn divide(&self, other: &Self) -> Result<Self, NumberError> {
        let divisor = other.decimal();
        if divisor.is_zero() {
            return Err(NumberError::DivisionByZero);
        }
        let quotient = self.decimal() / divisor;
        Self::from_decimal(&quotient.with_prec(DIVISION_DIGITS.max(quotient.digits().min(DIVISION_DIGITS))))
    }

    /// The remainder of `self / other`, with the sign of `self`.
    ///
    /// # Errors
    /// [`NumberError::DivisionByZero`], or [`NumberError::TooLarge`] past the bound on digits.
    pub fn remainder(&self, other: &Self) -> Result<Self, NumberError> {
        match (self.to_i64(), other.to_i64()) {
            (_, Some(0)) => Err(NumberError::DivisionByZero),
            (Some(a), Some(b)) => Ok(Self::from(a.wrapping_rem(b))),
            _ => Self::from_decimal(&(self.decimal() % other.decimal())),
        }
    }

    /// `-self`.
    #[must_use]
    pub fn negate(&self) -> Self {
        match &self.0 {
            Repr::Int(int) if *int != i64::MIN => Self::from(-*int),
            // Negating cannot add a digit, so the bound still holds.
            _ => Self::from_decimal(&-self.decimal()).unwrap_or_else(|_| self.clone()),
        }
    }

    /// The nearest whole number not above (`floor`) the number.
    #[must_use]
    pub fn floor(&self) -> Self {
        self.rounded(RoundingMode::Floor)
    }

    /// The nearest whole number not below the number.
    #[must_use]
    pub fn ceil(&self) -> Self {
        self.rounded(RoundingMode::Ceiling)
    }

    fn rounded(&self, mode: RoundingMode) -> Self {
        match &self.0 {
            Repr::Int(_) => self.clone(),
            Repr::Decimal(decimal) => {
                Self::from_decimal(&decimal.with_scale_round(0, mode)).unwrap_or_else(|_| self.clone())
            }
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Repr::Int(value))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(int) => Self(Repr::Int(int)),
            Err(_) => Self(Repr::Decimal(Arc::new(BigDecimal::from(BigInt::from(value)).normalized()))),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.to_i64(), other.to_i64()) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => self.decimal().cmp(&other.decimal()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(int) => write!(f, "{int}"),
            Repr::Decimal(decimal) => f.write_str(&decimal.to_plain_string()),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(number("0.1").add(&number("0.2")).unwrap(), number("0.3"));
        assert_eq!(number("1e3"), number("1000"));
        assert_eq!(number("1.50").to_string(), "1.5");
        let big = number("9223372036854775807").add(&number("1")).unwrap();
        assert_eq!(big.to_string(), "9223372036854775808");
        assert_eq!(big.subtract(&number("1")).unwrap().to_i64(), Some(i64::MAX));
    }

    #[test]
    fn what_has_no_result_says_so() {
        assert_eq!(number("5").remainder(&number("0")), Err(NumberError::DivisionByZero));
        assert_eq!(number("1").divide(&number("0")), Err(NumberError::DivisionByZero));
        assert_eq!(number("5.5").remainder(&number("0")), Err(NumberError::DivisionByZero));
        assert_eq!(Number::parse("1e999999999"), Err(NumberError::TooLarge));
        for text in ["", "-", "+1", "abc", "1.2.3", "0x10", "inf", "NaN", "1_000", " 1"] {
            assert!(Number::parse(text).is_err(), "{text}");
        }
        let mut number = number("1e900");
        for _ in 0..3 {
            match number.multiply(&number) {
                Ok(next) => number = next,
                Err(error) => assert_eq!(error, NumberError::TooLarge),
            }
        }
        assert_eq!(Number::from(i64::MIN).remainder(&Number::from(-1_i64)).unwrap().to_i64(), Some(0));
    }

    #[test]
    fn division_ends() {
        assert_eq!(number("10").divide(&number("4")).unwrap().to_string(), "2.5");
        assert!(number("1").divide(&number("3")).unwrap().to_string().starts_with("0.33333333333"));
        assert_eq!(number("-7").remainder(&number("3")).unwrap().to_i64(), Some(-1));
        assert_eq!(number("2.5").floor().to_i64(), Some(2));
        assert_eq!(number("-2.5").ceil().to_i64(), Some(-2));
    }
}
