//! HTTP digest for SIP: challenges, answers, and the verification of answers.
