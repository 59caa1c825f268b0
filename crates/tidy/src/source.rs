//! Rust source with comments and literals blanked out, line by line, each marked as test code or not.
//!
//! This is no parser: it knows strings, raw strings, characters, comments and braces, which is what the rules need.

/// One line of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// Its text without comments and without what stands inside literals.
    pub code: String,
    /// Whether it stands in an item under `#[cfg(test)]`.
    pub test: bool,
}

/// The lines of a file.
pub fn lines(text: &str) -> Vec<Line> {
    let blanked = blank(text);
    let mut lines = Vec::new();
    let mut depth = 0usize;
    let mut announced = false; // `#[cfg(test)]` seen, its item not yet
    let mut inside: Option<usize> = None; // the depth at which the test item opened
    for (index, code) in blanked.lines().enumerate() {
        let attribute = code.replace(' ', "").contains("#[cfg(test)]");
        announced |= attribute && inside.is_none();
        let mut test = announced || inside.is_some();
        for c in code.chars() {
            match c {
                '{' => {
                    if announced && inside.is_none() {
                        inside = Some(depth);
                        announced = false;
                    }
                    depth += 1;
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    if inside == Some(depth) {
                        inside = None;
                        test = true;
                    }
                }
                ';' if announced && inside.is_none() => {
                    announced = false;
                    test = true;
                }
                _ => {}
            }
        }
        lines.push(Line {
            number: index + 1,
            code: code.to_owned(),
            test,
        });
    }
    lines
}

/// The text with every comment and the inside of every literal replaced by blanks; line ends stay.
pub fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let keep = |c: char| if c == '\n' { '\n' } else { ' ' };
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => find(&chars, at, |rest| rest.first() == Some(&'\n')),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment_end(&chars, at),
            '"' => string_end(&chars, at),
            'r' if !after_word(&chars, at) => match raw_string_end(&chars, at) {
                Some(end) => end,
                None => at,
            },
            '\'' => char_end(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| keep(c)));
            at = end;
        }
    }
    out
}

fn find(chars: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len())
        .find(|&at| stop(&chars[at..]))
        .unwrap_or(chars.len())
}

fn after_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_') && chars[at - 1] != 'b'
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < chars.len() {
        if chars[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if chars[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(from + 1 + hashes) != Some(&'"') {
        return None;
    }
    let body = from + 2 + hashes;
    let closes = |rest: &[char]| {
        rest.first() == Some(&'"') && rest.len() > hashes && rest[1..=hashes].iter().all(|&c| c == '#')
    };
    Some((find(chars, body, closes) + 1 + hashes).min(chars.len()))
}

/// The end of a character literal, or nothing where the quote begins a lifetime.
fn char_end(chars: &[char], from: usize) -> Option<usize> {
    if chars.get(from + 1) == Some(&'\\') {
        let close = find(chars, from + 3, |rest| rest.first() == Some(&'\''));
        return Some((close + 1).min(chars.len()));
    }
    (chars.get(from + 2) == Some(&'\'')).then_some(from + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let text = "let a = \"tokio\"; // tokio\nlet b = r#\"tokio \" \"#; /* tokio\n/* tokio */ */ let c = 'x'; fn f<'a>() { tokio }";
        let found: Vec<usize> = lines(text)
            .into_iter()
            .filter(|line| line.code.contains("tokio"))
            .map(|line| line.number)
            .collect();
        assert_eq!(found, [3]);
        assert_eq!(blank(text).matches("tokio").count(), 1);
    }

    #[test]
    fn escaped_quotes_do_not_end_a_literal() {
        assert_eq!(
            blank(r#"f("a\"b", '\'', '"'); g"#).trim_end().chars().last(),
            Some('g')
        );
        assert!(!blank(r#"f("a\"b", '\'', '"'); g"#).contains('b'));
    }

    #[test]
    fn code_under_cfg_test_is_marked() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod other;\nfn d() {}\n";
        let marked: Vec<usize> = lines(text)
            .into_iter()
            .filter(|line| line.test)
            .map(|line| line.number)
            .collect();
        assert_eq!(marked, [2, 3, 4, 5, 7, 8]);
    }
}
