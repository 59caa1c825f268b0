//! Every command with its spellings, its parameters and what it is for: the one table behind the parsing of calls,
//! `which` and `help`.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::method_table::METHODS;
use crate::params::{Arg, Param, Params, Slots};
use crate::{Dialect, MiError, Reply};

/// What a method does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// `pua_publish` of OpenSIPS.
    OpenSipsPublish,
    /// `pua.publish` of Kamailio.
    KamailioPublish,
    /// `pua.send_publish` of Kamailio, which does not wait.
    KamailioSendPublish,
    /// Our own `pua:publish`.
    Publish,
    List,
    Show,
    Remove,
    Refresh,
    /// `pua_subscribe` of OpenSIPS.
    OpenSipsSubscribe,
    /// `pua.subscribe` of Kamailio.
    KamailioSubscribe,
    Unsubscribe,
    Fetch,
    Subscriptions,
    State,
    EventSubscribe,
    EventsList,
    SubscribersList,
    Watch,
    Which,
    Help,
    Version,
    Uptime,
    Ps,
    Pwd,
    Arg,
    Kill,
    LogLevel,
    GetStatistics,
    ListStatistics,
    ResetStatistics,
}

impl Verb {
    /// Whether the method publishes.
    pub(crate) const fn publishes(self) -> bool {
        matches!(
            self,
            Self::OpenSipsPublish | Self::KamailioPublish | Self::KamailioSendPublish | Self::Publish
        )
    }

    /// Whether the method makes a subscription, or ends one, in the way that is documented elsewhere.
    pub(crate) const fn subscribes(self) -> bool {
        matches!(self, Self::OpenSipsSubscribe | Self::KamailioSubscribe)
    }

    /// Whose manners the method's callers expect, in JSON.
    pub(crate) const fn dialect(self) -> Dialect {
        match self {
            Self::KamailioPublish | Self::KamailioSendPublish | Self::KamailioSubscribe => Dialect::Kamailio,
            _ => Dialect::OpenSips,
        }
    }
}

/// A command as callers know it.
#[derive(Debug)]
pub(crate) struct Method {
    /// Accepted spellings, the one to recommend first.
    pub(crate) names: &'static [&'static str],
    pub(crate) verb: Verb,
    /// Parameters in their positions.
    pub(crate) params: &'static [Param],
    /// How many of them must be given by position.
    pub(crate) required: usize,
    /// Those that must be given by name.
    pub(crate) must: &'static [Param],
    /// How many of them can be given by position.
    pub(crate) positions: usize,
    /// The parameter lists that `which` shows.
    pub(crate) recipes: &'static [&'static [Param]],
    /// What `help` says.
    pub(crate) help: &'static str,
}

/// The method of that spelling.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.names.contains(&name))
}

/// All spellings of all commands, in the order of the table.
pub fn spellings() -> impl Iterator<Item = &'static str> {
    METHODS.iter().flat_map(|method| method.names.iter().copied())
}

/// The answer to `which`: the commands' names, or the parameter lists of one.
pub fn which(command: Option<&str>) -> Reply {
    let Some(name) = command else {
        return Reply::Json(spellings().collect::<Vec<_>>().into());
    };
    match find(name) {
        None => Reply::Error(MiError::new(404, "unknown MI command")),
        Some(method) => {
            let names = |recipe: &[Param]| {
                recipe
                    .iter()
                    .map(|param| Value::from(param.name()))
                    .collect::<Value>()
            };
            Reply::Json(method.recipes.iter().map(|recipe| names(recipe)).collect())
        }
    }
}

/// The answer to `help`.
pub fn help(command: Option<&str>) -> Reply {
    let Some(name) = command else {
        return Reply::Json(Value::from(
            "Usage: help mi_cmd - what mi_cmd is for; `which` lists the commands",
        ));
    };
    match find(name) {
        None => Reply::Error(MiError::new(404, "unknown MI command")),
        Some(method) => Reply::Json(json!({"Help": method.help, "Exported by": "pua"})),
    }
}

/// Why parameters do not fit a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Too few; so many are there.
    TooFew(usize),
    /// Too many.
    TooMany,
    /// The right number, but other names.
    Names,
    /// A JSON value that holds no parameters.
    WrongType,
}

impl From<Misfit> for MiError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::TooFew(_) | Misfit::TooMany => Self::invalid_params("Too few or too many parameters"),
            Misfit::Names => Self::invalid_params("Named parameters do not match"),
            Misfit::WrongType => Self::invalid_request(),
        }
    }
}

impl Method {
    /// Puts each parameter in its place. Positions follow the table, or `order` where a command knows better.
    pub(crate) fn place<'a>(&self, params: Params<'a>, order: Option<&[Param]>) -> Result<Slots<'a>, Misfit> {
        let mut slots = Slots::default();
        match params {
            Params::WrongType => return Err(Misfit::WrongType),
            Params::Absent if self.required > 0 => return Err(Misfit::TooFew(0)),
            Params::Absent => {}
            Params::Positional(args) if self.positions == usize::MAX => {
                let list = args.into_iter().flat_map(|arg| match arg {
                    Arg::List(items) => items,
                    single => vec![single],
                });
                let param = self.params.first().copied().ok_or(Misfit::TooMany)?;
                slots.put(param, Arg::List(list.collect()));
            }
            Params::Positional(args) => {
                let order = order.unwrap_or(self.params);
                if args.len() < self.required {
                    return Err(Misfit::TooFew(args.len()));
                }
                if args.len() > self.positions.min(order.len()) {
                    return Err(Misfit::TooMany);
                }
                for (param, arg) in order.iter().zip(args) {
                    if arg != Arg::Null {
                        slots.put(*param, arg);
                    }
                }
            }
            Params::Named(pairs) => self.place_named(&mut slots, pairs.into_iter())?,
        }
        Ok(slots)
    }

    /// Named parameters: first their number has to be possible, then their names have to be known, once each.
    fn place_named<'a>(
        &self,
        slots: &mut Slots<'a>,
        pairs: impl Iterator<Item = (Cow<'a, str>, Arg<'a>)>,
    ) -> Result<(), Misfit> {
        let (mut documented, mut unknown) = (0_usize, false);
        for (name, arg) in pairs {
            if arg == Arg::Null {
                continue;
            }
            let param = self.param(&name);
            if !param.is_some_and(Param::is_ours) {
                documented += 1;
            }
            unknown |= !param.is_some_and(|param| slots.put(param, arg));
        }
        let most = self.params.iter().filter(|param| !param.is_ours()).count();
        if documented < self.must.len() {
            return Err(Misfit::TooFew(documented));
        }
        if documented > most {
            return Err(Misfit::TooMany);
        }
        if unknown || self.must.iter().any(|param| !slots.has(*param)) {
            return Err(Misfit::Names);
        }
        Ok(())
    }

    /// The parameter of that name.
    pub(crate) fn param(&self, name: &str) -> Option<Param> {
        self.params.iter().copied().find(|param| param.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_unique() {
        let mut names: Vec<_> = spellings().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn which_knows_the_documented_recipes() {
        let Reply::Json(recipes) = which(Some("pua_mi:publish")) else {
            panic!("no recipes")
        };
        assert_eq!(recipes[0], json!(["presentity_uri", "expires", "event_package"]));
        assert!(matches!(which(Some("nonsense")), Reply::Error(e) if e.code == 404));
    }

    #[test]
    fn every_recipe_is_made_of_the_methods_parameters() {
        for method in METHODS {
            for recipe in method.recipes {
                assert!(
                    recipe.iter().all(|param| method.params.contains(param)),
                    "{:?}",
                    method.names
                );
            }
        }
    }
}
