//! Enumerated values of the documents: those that the RFCs name, and any other that comes (CXML-02).

/// An enumeration whose values are texts. What is not named is kept as `Other`; writers refuse it where the schema does.
macro_rules! tokens {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* #[doc = concat!("`", $text, "`")] $variant,)+
            /// A value that the RFC does not name.
            Other(Box<str>),
        }

        impl $name {
            /// The values that the RFC names.
            pub const KNOWN: &'static [&'static str] = &[$($text),+];

            /// The text of the value.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }

            /// The text as the schema has it.
            ///
            /// # Errors
            /// A value that the RFC does not name, with those that it does.
            #[allow(dead_code, reason = "not every format restricts every value")]
            pub(crate) fn known(&self) -> Result<&str, crate::DocumentError> {
                match self {
                    Self::Other(text) => Err(crate::DocumentError::invalid(format!(
                        "{:?} is none of {}",
                        crate::xml::read::clip(text),
                        Self::KNOWN.join(", ")
                    ))),
                    known => Ok(known.as_str()),
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text.trim_matches(crate::xml::BLANKS) {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|text| Self::from(text.as_str()))
            }
        }
    };
}

pub(crate) use tokens;
