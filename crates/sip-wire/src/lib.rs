//! SIP messages as values: parse, print, frame, URIs, typed headers.
