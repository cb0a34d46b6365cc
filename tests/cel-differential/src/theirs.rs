//! Their side: the C++ runtime of CEL, behind Python, in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::answer::{Answer, Said};
use crate::seen::Seen;

/// Where it is installed.
pub(crate) struct Place {
    /// Python with the package.
    pub(crate) python: PathBuf,
    /// `theirs.py`
    pub(crate) script: PathBuf,
    /// The database of time zones.
    pub(crate) zones: PathBuf,
}

/// The process.
pub(crate) struct Theirs {
    place: Place,
    declarations: Json,
    running: Running,
}

struct Running {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

#[derive(Deserialize)]
struct Answers {
    checked: Told,
    dynamic: Told,
}

#[derive(Deserialize)]
struct Told {
    refused: Option<String>,
    error: Option<String>,
    value: Option<Json>,
    #[serde(default, rename = "type")]
    ty: String,
}

impl Theirs {
    pub(crate) fn start(place: Place, declarations: Json) -> Result<Self> {
        let running = Running::start(&place, &declarations)?;
        Ok(Self { place, declarations, running })
    }

    /// Asks; [`Theirs::answers`] has to be called next.
    pub(crate) fn ask(&mut self, questions: &[(usize, String)]) -> Result<()> {
        let mut line = serde_json::to_string(questions)?;
        line.push('\n');
        self.running.asked.write_all(line.as_bytes()).context("the C++ runtime takes questions")
    }

    /// What is said of each question. A process that died is started again, and asked one by one who killed it.
    pub(crate) fn answers(&mut self, questions: &[(usize, String)]) -> Result<Vec<Said>> {
        let mut line = String::new();
        let read = self.running.answers.read_line(&mut line);
        if read.is_ok_and(|length| length > 0) {
            let answers: Vec<Answers> = serde_json::from_str(&line).context("the C++ runtime's answers read")?;
            if answers.len() != questions.len() {
                bail!("the C++ runtime gave {} answers to {} questions", answers.len(), questions.len());
            }
            return answers.into_iter().map(said).collect();
        }
        let status = self.running.child.wait()?;
        self.running = Running::start(&self.place, &self.declarations)?;
        match questions {
            [_] => {
                let died = || Answer::Refused(format!("(the process died: {status})"));
                Ok(vec![Said { checked: died(), ty: String::new(), dynamic: died() }])
            }
            several => {
                let mut out = Vec::new();
                for question in several {
                    let question = std::slice::from_ref(question);
                    self.ask(question)?;
                    out.extend(self.answers(question)?);
                }
                Ok(out)
            }
        }
    }
}

impl Running {
    fn start(place: &Place, declarations: &Json) -> Result<Self> {
        let mut command = Command::new(&place.python);
        command.arg(&place.script).env("TZDIR", &place.zones).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{} does not start", place.python.display()))?;
        let mut asked = child.stdin.take().context("it has an input")?;
        let answers = BufReader::new(child.stdout.take().context("it has an output")?);
        asked.write_all(format!("{declarations}\n").as_bytes())?;
        Ok(Self { child, asked, answers })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(answers: Answers) -> Result<Said> {
    let ty = answers.checked.ty.clone();
    Ok(Said { checked: answer(answers.checked)?, ty, dynamic: answer(answers.dynamic)? })
}

fn answer(told: Told) -> Result<Answer> {
    Ok(match (told.refused, told.error, told.value) {
        (Some(why), ..) => Answer::Refused(first_line(&why)),
        (_, Some(why), _) => Answer::Failed(first_line(&why)),
        (_, _, Some(value)) => Answer::Value(Seen::theirs(&value)?),
        _ => bail!("an answer says nothing"),
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
