//! Relative links in Markdown lead somewhere.

use super::{Finding, Tree, folder, resolve};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.texts()
        .filter(|(path, _)| path.ends_with(".md"))
        .flat_map(|(path, text)| dead(tree, path, text))
        .collect()
}

fn dead(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let links = links(text).into_iter().filter(|(_, target)| !leads_somewhere(tree, path, target));
    links
        .map(|(line, target)| Finding::new(path, line, format!("the link to {target} leads nowhere")))
        .collect()
}

fn leads_somewhere(tree: &Tree, path: &str, target: &str) -> bool {
    let Some(file) = target.split('#').next().filter(|file| !file.is_empty()) else {
        return true;
    };
    let Some(found) = resolve(folder(path), file) else {
        return false;
    };
    tree.has(&found) || tree.paths().any(|path| path.starts_with(&format!("{found}/")))
}

/// Targets inside the project, each with its line; what stands in code blocks is none.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut links = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        if !in_code && !fence {
            links.extend(targets(line).map(|target| (index + 1, target)));
        }
    }
    links
}

fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let reference =
        line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
    inline.chain(reference).filter(|target| !target.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::Tree;

    #[test]
    fn dead_links_are_found() {
        let page = "[a](b.md#x), [top](../README.md) and [web](https://example.com)\n\
                    ```\n[code](nowhere)\n```\n[folder](../docs) [gone](gone.md)\n[r]: lost.md\n";
        let tree = Tree::of(&[("docs/a.md", page), ("docs/b.md", "[here](#x)"), ("README.md", "")]);
        let lines: Vec<_> = check(&tree).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [5, 6]);
    }
}
