//! In: a name that does not exist. Out: those that do and may have been meant.

/// At most three names that somebody who typed `name` may have meant, the likeliest first: a slip of the hand in a quarter
/// of the letters, or two.
pub fn similar<T: AsRef<str> + Ord>(name: &str, known: impl Iterator<Item = T>) -> Vec<T> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    let mut near: Vec<(usize, T)> = known
        .map(|known| (distance(known.as_ref()), known))
        .filter(|(distance, known)| {
            let length = known.as_ref().len();
            *distance <= 2.max(length / 4) && *distance < length
        })
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, known)| known).collect()
}

/// The likeliest of [`similar`] names.
pub fn nearest<T: AsRef<str> + Ord>(name: &str, known: impl Iterator<Item = T>) -> Option<T> {
    similar(name, known).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_name_comes_first_and_what_is_far_away_not_at_all() {
        let known = ["keep_open", "rest_path", "no_auth", "a"];
        assert_eq!(similar("kep_open", known.into_iter()), ["keep_open"]);
        assert_eq!(similar("resp_tath", known.into_iter()), ["rest_path"]);
        assert!(similar("something_else", known.into_iter()).is_empty());
        assert!(similar("b", known.into_iter()).is_empty(), "one letter for another is no slip");
    }
}
