//! Bytes as a configuration file.

use deployctl::config::{Schemas, check, parse};
use deployctl::diagnostic::{Diagnostic, SourceMap};
use deployctl::error::Error;
use deployctl::model::graph::Graph;

/// Whatever stands in the file, there is a configuration or a report with places, and the same one each time.
pub fn config(data: &[u8]) {
    let first = read(data);
    let second = read(data);
    assert_eq!(first, second, "the same file is read in two ways");
}

fn read(data: &[u8]) -> Result<usize, String> {
    match parse(vec![("main.hcl".to_owned(), data.to_vec())]) {
        Ok(config) => {
            let complaints = check(&config, &Schemas::default());
            complaints.iter().for_each(|complaint| placed(complaint, &config.sources));
            if let Err(complaints) = Graph::build(&config) {
                complaints.iter().for_each(|complaint| placed(complaint, &config.sources));
            }
            Ok(complaints.len())
        }
        Err(error) => Err(reported(&error)),
    }
}

/// The error, which must point at a place.
fn reported(error: &Error) -> String {
    let report = error.report.as_ref().expect("an error in a file without a report");
    assert!(!report.diagnostics.is_empty(), "a report without complaints");
    report.diagnostics.iter().for_each(|complaint| placed(complaint, &report.sources));
    format!("{error} {:?}", report.diagnostics)
}

fn placed(complaint: &Diagnostic, sources: &SourceMap) {
    assert!(!complaint.labels.is_empty(), "a complaint without a place: {}", complaint.message);
    for (span, _) in &complaint.labels {
        let text = &sources.get(span.file).expect("a place in no file").text;
        let within = text.get(span.start as usize..span.end as usize);
        assert!(within.is_some(), "a place outside of the text: {}", complaint.message);
    }
}
