//! Where things stand in the `.proto` text, and the comments above them.

use std::collections::BTreeMap;

use prost_reflect::{DescriptorPool, FileDescriptor};

use super::Diagnostic;
use super::diagnostic::Code;
use crate::MAX_DOC_BYTES;
use crate::model::Position;

/// Places and comments of all files.
pub(super) struct Places {
    files: BTreeMap<String, FilePlaces>,
}

struct FilePlaces {
    /// Place in the catalogue's list of files.
    index: u16,
    /// From the path of a descriptor to line and column, from 1, and the comment.
    at: BTreeMap<Vec<i32>, (u32, u32, String)>,
}

/// The number of `name` in every descriptor that has one (`descriptor.proto`).
const NAME: i32 = 1;

impl Places {
    pub(super) fn new(pool: &DescriptorPool) -> Places {
        let mut files: BTreeMap<String, FilePlaces> =
            pool.files().map(|f| (f.name().to_owned(), FilePlaces::new(&f))).collect();
        for (index, places) in files.values_mut().enumerate() {
            places.index = u16::try_from(index).unwrap_or(u16::MAX);
        }
        Places { files }
    }

    /// Names of the files in the order of [`Position::file`].
    pub(super) fn file_names(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    /// Where the name of a declaration stands.
    pub(super) fn position(&self, file: &FileDescriptor, path: &[i32]) -> Position {
        let Some(places) = self.files.get(file.name()) else { return Position::default() };
        let (line, column) = places.name_of(path);
        Position { file: places.index, line, column }
    }

    /// The comment above a declaration, or behind it on its line.
    pub(super) fn doc(&self, file: &FileDescriptor, path: &[i32]) -> String {
        self.files.get(file.name()).and_then(|p| p.at.get(path)).map_or_else(String::new, |(.., doc)| doc.clone())
    }

    /// A complaint about a declaration.
    pub(super) fn complain(&self, code: Code, file: &FileDescriptor, path: &[i32], message: String) -> Diagnostic {
        let place = self.files.get(file.name()).map_or((0, 0), |p| p.name_of(path));
        Diagnostic::new(code, file.name(), place, message)
    }
}

impl FilePlaces {
    fn new(file: &FileDescriptor) -> FilePlaces {
        let info = file.file_descriptor_proto().source_code_info.as_ref();
        let at = info.into_iter().flat_map(|info| &info.location).map(|location| {
            let from_1 = |at: usize| location.span.get(at).map_or(0, |n| n.unsigned_abs() + 1);
            let doc = match location.leading_comments() {
                "" => location.trailing_comments(),
                leading => leading,
            };
            (location.path.clone(), (from_1(0), from_1(1), tidy(doc)))
        });
        FilePlaces { index: 0, at: at.collect() }
    }

    /// The place of the declaration's name, of the declaration, or nothing.
    fn name_of(&self, path: &[i32]) -> (u32, u32) {
        let mut of_name = path.to_vec();
        of_name.push(NAME);
        self.at.get(&of_name).or_else(|| self.at.get(path)).map_or((0, 0), |(line, column, _)| (*line, *column))
    }
}

/// Lines without the space that follows `//`, cut at the limit.
fn tidy(comment: &str) -> String {
    let lines: Vec<&str> = comment.lines().map(|l| l.strip_prefix(' ').unwrap_or(l).trim_end()).collect();
    let mut text = lines.join("\n").trim().to_owned();
    text.truncate(text.floor_char_boundary(MAX_DOC_BYTES));
    text
}
