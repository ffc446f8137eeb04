//! Times of day as NWB has them: ISO 8601 with a time zone.

/// The Unix epoch, which stands for a time that nobody knows.
pub const UNKNOWN_TIME: &str = "1970-01-01T00:00:00+00:00";

/// Writes seconds after the Unix epoch as a time in UTC.
pub fn from_unix_seconds(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's civil_from_days, for days after 1970: years begin in March, eras have 400.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00")
}

/// Says whether a text is a time that NWB takes: `2018-09-28T14:43:54.123+02:00`, or with `Z` at its end.
pub fn is_time(text: &str) -> bool {
    let Some((date, rest)) = text.split_once('T') else { return false };
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let fields = |text: &str, separator: char, widths: &[usize], most: &[u32]| {
        let parts: Vec<&str> = text.split(separator).collect();
        parts.len() == widths.len()
            && parts.iter().zip(widths).zip(most).all(|((part, &width), &most)| {
                part.len() == width
                    && part.bytes().all(|b| b.is_ascii_digit())
                    && part.parse().is_ok_and(|n: u32| n <= most)
            })
    };
    fields(date, '-', &[4, 2, 2], &[9999, 12, 31])
        && fields(time, ':', &[2, 2, 2], &[23, 59, 60])
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && (zone == "Z" || zone.get(1..).is_some_and(|zone| fields(zone, ':', &[2, 2], &[14, 59])))
        && !date.contains("-00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_the_days_that_calendars_have() {
        for (seconds, expected) in [
            (0, UNKNOWN_TIME),
            (951_782_399, "2000-02-28T23:59:59+00:00"),
            (951_782_400, "2000-02-29T00:00:00+00:00"),
            (1_709_251_200, "2024-03-01T00:00:00+00:00"),
            (4_107_542_399, "2100-02-28T23:59:59+00:00"),
            (4_107_542_400, "2100-03-01T00:00:00+00:00"),
        ] {
            assert_eq!(from_unix_seconds(seconds), expected);
            assert!(is_time(expected));
        }
    }

    #[test]
    fn times_need_a_date_a_time_and_a_zone() {
        assert!(is_time("2018-09-28T14:43:54.123+02:00") && is_time("2018-09-28T14:43:54Z"));
        for slip in [
            "",
            "2018-09-28",
            "2018-09-28T14:43:54",
            "2018-13-28T14:43:54Z",
            "2018-00-28T14:43:54Z",
            "yesterdayT1",
            "2018-09-28T24:43:54Z",
            "2018-09-28T14:43Z",
            "2018-09-28T14:43:54.Z",
            "2018-09-28T14:43:54+2",
            "2018-09-28T14:43:54é",
        ] {
            assert!(!is_time(slip), "{slip}");
        }
    }
}
