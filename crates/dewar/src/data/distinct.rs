//! Whether the keys of a dict are distinct, without a hash table and mostly without an allocation.

/// How many keys are compared with each other; more are sorted.
const FEW: usize = 8;

/// The keys of one dict.
pub(super) struct Distinct<'a> {
    few: [&'a [u8]; FEW],
    count: usize,
    more: Vec<&'a [u8]>,
}

impl<'a> Distinct<'a> {
    pub(super) fn new() -> Distinct<'a> {
        Distinct {
            few: [&[]; FEW],
            count: 0,
            more: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, key: &'a [u8]) {
        match self.few.get_mut(self.count) {
            Some(place) => {
                *place = key;
                self.count += 1;
            }
            None => self.more.push(key),
        }
    }

    /// Whether no key was added twice.
    pub(super) fn finish(mut self) -> bool {
        let few = &self.few[..self.count];
        if self.more.is_empty() {
            return few
                .iter()
                .enumerate()
                .all(|(position, key)| !few[..position].contains(key));
        }
        self.more.extend_from_slice(few);
        self.more.sort_unstable();
        self.more.windows(2).all(|pair| pair[0] != pair[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_there_twice_is_noticed_among_few_and_many() {
        for length in [0, 1, 2, 8, 9, 50] {
            let keys: Vec<String> = (0..length)
                .map(|number: usize| number.to_string())
                .collect();
            let distinct = |twice: Option<&String>| {
                let mut distinct = Distinct::new();
                keys.iter()
                    .chain(twice)
                    .for_each(|key| distinct.add(key.as_bytes()));
                distinct.finish()
            };
            assert!(distinct(None));
            assert!(keys.iter().all(|key| !distinct(Some(key))));
        }
    }
}
