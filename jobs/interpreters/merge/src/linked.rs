//! The members as one program: a list of each kind of definition, and for each member where its own are in them.

use std::collections::HashMap;

use wasmparser::{ConstExpr, ExternalKind, FuncType, FunctionBody, GlobalType, MemoryType, TableType};

use crate::component::space;
use crate::constant::{Constant, value};
use crate::error::{Result, unhandled};
use crate::module::{Module, kind_of};
use crate::wiring::{Definition, Wired, Wiring};

/// All that the members consist of.
pub(crate) struct Linked<'a, 'w> {
    pub(crate) members: Vec<Member<'a, 'w>>,
    pub(crate) types: Vec<FuncType>,
    pub(crate) functions: Vec<Function<'a>>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<Global>,
    /// Where a definition is in its list, by its kind's index space.
    places: HashMap<(usize, Definition), u32>,
}

/// One instance among those that are merged. The lists give, for an index of its own, the place in [`Linked`].
pub(crate) struct Member<'a, 'w> {
    pub(crate) instance: u32,
    pub(crate) module: &'w Module<'a>,
    pub(crate) types: Vec<u32>,
    pub(crate) functions: Vec<u32>,
    pub(crate) tables: Vec<u32>,
    pub(crate) globals: Vec<u32>,
}

/// A function of the program.
pub(crate) struct Function<'a> {
    pub(crate) ty: u32,
    pub(crate) name: Option<&'a str>,
    pub(crate) code: Code<'a>,
}

/// Where the code of a function is.
pub(crate) enum Code<'a> {
    /// Outside of the members.
    Imported(Definition),
    /// In a member, given by its place.
    Body { member: usize, body: FunctionBody<'a> },
}

/// A global of the program, with its initial value.
pub(crate) struct Global {
    pub(crate) ty: GlobalType,
    pub(crate) value: Constant,
}

impl Member<'_, '_> {
    /// The place of the function that it starts with.
    pub(crate) fn start(&self) -> Option<u32> {
        self.module.start.map(|start| self.functions[start as usize])
    }
}

impl<'a, 'w> Linked<'a, 'w> {
    /// Lays the members side by side.
    pub(crate) fn of(wiring: &'w Wiring<'a>) -> Result<Self> {
        let mut linked = Linked {
            members: Vec::new(),
            types: Vec::new(),
            functions: Vec::new(),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            places: HashMap::new(),
        };
        let mut known_types = HashMap::new();
        for instance in &wiring.members {
            linked.add(*instance, wiring.wired(*instance), &mut known_types)?;
        }
        if linked.memories.len() != 1 {
            return unhandled(format_args!("{} memories of the modules that share one", linked.memories.len()));
        }
        Ok(linked)
    }

    /// Where a definition is in the list of its kind, if a member makes it.
    pub(crate) fn own_place(&self, kind: ExternalKind, definition: Definition) -> Result<Option<u32>> {
        let is_own = |of| self.members.iter().any(|member| member.instance == of);
        if definition.instance().is_some_and(is_own) { self.place(kind, definition) } else { Ok(None) }
    }

    fn place(&self, kind: ExternalKind, definition: Definition) -> Result<Option<u32>> {
        Ok(self.places.get(&(space(kind)?, definition)).copied())
    }

    /// Has every use of one function mean another one.
    pub(crate) fn redirect(&mut self, redirected: &HashMap<u32, u32>) {
        let functions = self.members.iter_mut().flat_map(|member| &mut member.functions);
        let places = self.places.iter_mut().filter(|((space, _), _)| *space == 0).map(|(_, place)| place);
        for function in functions.chain(places) {
            *function = *redirected.get(function).unwrap_or(function);
        }
    }

    /// The value of a constant expression of a member.
    pub(crate) fn value(&self, expression: &ConstExpr, member: &Member) -> Result<Constant> {
        let function = |index: u32| member.functions[index as usize];
        value(expression, function, |index| self.globals[member.globals[index as usize] as usize].value)
    }

    fn add(&mut self, instance: u32, wired: &'w Wired<'a>, known_types: &mut HashMap<FuncType, u32>) -> Result<()> {
        let module = &wired.module;
        let types = module.types.iter().map(|ty| {
            *known_types.entry(ty.clone()).or_insert_with(|| {
                self.types.push(ty.clone());
                self.types.len() as u32 - 1
            })
        });
        let types = types.collect();
        let mut member =
            Member { instance, module, types, functions: Vec::new(), tables: Vec::new(), globals: Vec::new() };
        for (import, definition) in module.imports.iter().zip(&wired.imports) {
            let kind = kind_of(import);
            let place = match (self.place(kind, *definition)?, kind) {
                (Some(place), _) => place,
                (None, ExternalKind::Func) => {
                    let ty = member.types[module.functions[member.functions.len()] as usize];
                    self.functions.push(Function { ty, name: Some(import.name), code: Code::Imported(*definition) });
                    self.placed(kind, *definition, self.functions.len())?
                }
                (None, kind) => {
                    let (from, name) = (import.module, import.name);
                    return unhandled(format_args!("the import {from:?}.{name:?} of a {kind:?} from elsewhere"));
                }
            };
            match kind {
                ExternalKind::Func => member.functions.push(place),
                ExternalKind::Table => member.tables.push(place),
                ExternalKind::Global => member.globals.push(place),
                _ => {}
            }
        }
        self.define(&mut member)?;
        if module.memories.len() > 1 {
            return unhandled("a module with two memories");
        }
        self.members.push(member);
        Ok(())
    }

    /// Adds what a member does not import.
    fn define(&mut self, member: &mut Member<'a, 'w>) -> Result<()> {
        let (instance, module, number) = (member.instance, member.module, self.members.len());
        let defined = |index: usize| Definition::Defined { instance, index: index as u32 };
        for (body, index) in module.bodies.iter().zip(member.functions.len()..) {
            let ty = member.types[module.functions[index] as usize];
            let code = Code::Body { member: number, body: body.clone() };
            self.functions.push(Function { ty, name: module.names.get(&(index as u32)).copied(), code });
            member.functions.push(self.placed(ExternalKind::Func, defined(index), self.functions.len())?);
        }
        for index in member.tables.len()..module.tables.len() {
            self.tables.push(module.tables[index]);
            member.tables.push(self.placed(ExternalKind::Table, defined(index), self.tables.len())?);
        }
        for index in module.imported(ExternalKind::Memory) as usize..module.memories.len() {
            self.memories.push(module.memories[index]);
            self.placed(ExternalKind::Memory, defined(index), self.memories.len())?;
        }
        for index in member.globals.len()..module.globals.len() {
            let (ty, Some(expression)) = &module.globals[index] else {
                return unhandled("an imported global behind one that is not");
            };
            let value = self.value(expression, member)?;
            self.globals.push(Global { ty: *ty, value });
            member.globals.push(self.placed(ExternalKind::Global, defined(index), self.globals.len())?);
        }
        Ok(())
    }

    /// Notes that the last of `count` definitions is the place of one.
    fn placed(&mut self, kind: ExternalKind, definition: Definition, count: usize) -> Result<u32> {
        let place = count as u32 - 1;
        self.places.insert((space(kind)?, definition), place);
        Ok(place)
    }
}
