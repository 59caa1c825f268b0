//! Documents as JSON: strict in reading, with the path of what is wrong.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{DocumentError, ErrorKind};

/// The JSON form of a value. A value that serde cannot show becomes null; none of the document types can fail.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Octets of the JSON form, which is not made.
pub(crate) fn length<T: Serialize>(value: &T) -> usize {
    struct Count(usize);

    impl std::io::Write for Count {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0 += octets.len();
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// Reads a value from its JSON form.
///
/// # Errors
/// [`ErrorKind::Json`] with the path of the member that is missing, unknown or of the wrong type.
pub(crate) fn from_json<T: DeserializeOwned>(value: &Value) -> Result<T, DocumentError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let fault = DocumentError::new(ErrorKind::Json(error.into_inner().to_string()));
        if path == "." { fault } else { fault.at_path(path) }
    })
}

/// For `#[serde(skip_serializing_if = "json::is_false")]`.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form serde wants")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}
