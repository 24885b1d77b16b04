//! The stack machine.

use std::collections::HashMap;

use jiff::SignedDuration;

use super::build::{self, Argument, Made};
use super::input::Input;
use super::names::{self, Name};
use crate::data::fault::Fault;
use crate::data::{Dict, MAX_DEPTH, Text, Value, json};

/// An object that a pickle has made; others refer to it by its number, so that it may still grow.
enum Node {
    Leaf(Value),
    List(Vec<usize>),
    Tuple(Vec<usize>),
    Set(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    Name(Name),
    Zone(SignedDuration),
    EmptyUuid,
}

pub(super) struct Machine<'a> {
    input: Input<'a>,
    nodes: Vec<Node>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<u64, usize>,
    /// How many values may still be made.
    budget: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Machine<'a> {
        Machine {
            input: Input::new(bytes),
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            // Enough for any pickle that uses what it shares a few times; keys and short texts count as one.
            budget: bytes.len().saturating_mul(4).saturating_add(1 << 16),
        }
    }

    /// Runs to the end and gives the result.
    pub(super) fn run(mut self) -> Result<Value, Fault> {
        loop {
            let operation = self.input.byte()?;
            if operation == b'.' {
                let result = self.pop()?;
                return self.value(result, 0);
            }
            self.step(operation)?;
        }
    }

    fn step(&mut self, operation: u8) -> Result<(), Fault> {
        match operation {
            // Values.
            b'N' => self.leaf(Value::Null),
            0x88 => self.leaf(Value::Bool(true)),
            0x89 => self.leaf(Value::Bool(false)),
            b'I' | b'L' | b'F' | b'J' | b'K' | b'M' | b'G' | 0x8a | 0x8b => {
                self.number(operation)?
            }
            b'V' | b'S' | b'X' | b'T' | b'U' | 0x8c | 0x8d => self.text(operation)?,
            b'C' => self.bytes(1)?,
            b'B' => self.bytes(4)?,
            0x8e | 0x96 => self.bytes(8)?,
            // Containers.
            b'(' => self.marks.push(self.stack.len()),
            b']' => self.push(Node::List(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            b')' => self.push(Node::Tuple(Vec::new())),
            0x8f => self.push(Node::Set(Vec::new())),
            b'l' => {
                let items = self.marked()?;
                self.push(Node::List(items));
            }
            b't' => {
                let items = self.marked()?;
                self.push(Node::Tuple(items));
            }
            0x91 => {
                let items = self.marked()?;
                self.push(Node::Set(items));
            }
            b'd' => {
                let items = self.marked()?;
                let entries = self.pairs(&items)?;
                self.push(Node::Dict(entries));
            }
            0x85..=0x87 => self.short_tuple(usize::from(operation - 0x84))?,
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.marked()?;
                self.append(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(&[key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set_items(&items)?;
            }
            // The stack and the memo.
            b'0' => self.discard()?,
            b'1' => self.marked().map(|_| ())?,
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'p' | b'q' | b'r' | 0x94 => self.memoize(operation)?,
            b'g' | b'h' | b'j' => self.recall(operation)?,
            // Names and what they make.
            b'c' | 0x93 => self.name(operation)?,
            b'R' | 0x81 => self.make()?,
            b'b' => self.build()?,
            // The protocol's number and a frame's length.
            0x80 => self.protocol()?,
            0x95 => self.input.take(8).map(|_| ())?,
            _ => {
                return Err(self
                    .input
                    .fault("an operation that plain types do not need"));
            }
        }
        Ok(())
    }

    fn number(&mut self, operation: u8) -> Result<(), Fault> {
        let value = match operation {
            b'I' => self.input.int_line()?,
            b'L' => self.input.long_line()?,
            b'F' => self.input.float_line()?,
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.input.fixed()?))),
            b'K' => Value::from(self.input.number(1)?),
            b'M' => Value::from(self.input.number(2)?),
            b'G' => Value::Float(f64::from_be_bytes(self.input.fixed()?)),
            0x8a => self.input.long(1)?,
            _ => self.input.long(4)?,
        };
        self.leaf(value);
        Ok(())
    }

    fn text(&mut self, operation: u8) -> Result<(), Fault> {
        let text = match operation {
            b'V' => self.input.unicode_line()?,
            b'S' => self.input.quoted_line()?,
            b'T' => self.input.ascii_text(4)?,
            b'U' => self.input.ascii_text(1)?,
            b'X' => self.input.text(4)?,
            0x8c => self.input.text(1)?,
            _ => self.input.text(8)?,
        };
        self.leaf(Value::Str(text));
        Ok(())
    }

    fn bytes(&mut self, width: usize) -> Result<(), Fault> {
        let bytes = self.input.counted(width)?;
        self.leaf(Value::from(bytes));
        Ok(())
    }

    fn leaf(&mut self, value: Value) {
        self.push(Node::Leaf(value));
    }

    fn push(&mut self, node: Node) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    /// The lowest position that may be taken from the stack.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<usize, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn top(&self) -> Result<usize, Fault> {
        match self.stack.last() {
            Some(top) if self.stack.len() > self.floor() => Ok(*top),
            _ => Err(self.input.fault("the stack is empty")),
        }
    }

    /// Takes off what is above the last mark, and the mark.
    fn marked(&mut self) -> Result<Vec<usize>, Fault> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.input.fault("a mark is missing")),
        }
    }

    /// `POP` takes a mark off as well.
    fn discard(&mut self) -> Result<(), Fault> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(|_| ())
    }

    fn pairs(&self, items: &[usize]) -> Result<Vec<(usize, usize)>, Fault> {
        let (pairs, rest) = items.as_chunks::<2>();
        match rest {
            [] => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
            _ => Err(self.input.fault("a key without a value")),
        }
    }

    fn short_tuple(&mut self, length: usize) -> Result<(), Fault> {
        match self.stack.len().checked_sub(length) {
            Some(start) if start >= self.floor() => {
                let items = self.stack.split_off(start);
                self.push(Node::Tuple(items));
                Ok(())
            }
            _ => Err(self.input.fault("the stack is empty")),
        }
    }

    fn append(&mut self, new: &[usize]) -> Result<(), Fault> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::List(items) | Node::Set(items) => {
                items.extend_from_slice(new);
                Ok(())
            }
            _ => Err(self
                .input
                .fault("something is appended to what is not a list")),
        }
    }

    fn set_items(&mut self, items: &[usize]) -> Result<(), Fault> {
        let new = self.pairs(items)?;
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Dict(entries) => {
                entries.extend(new);
                Ok(())
            }
            _ => Err(self.input.fault("a key is set in what is not a dict")),
        }
    }

    fn memoize(&mut self, operation: u8) -> Result<(), Fault> {
        let number = match operation {
            b'p' => self.input.memo_line()?,
            b'q' => self.input.number(1)?,
            b'r' => self.input.number(4)?,
            _ => self.memo.len() as u64,
        };
        // Each place takes an operation. Python's reader, for which this one looks first, takes memory for all places before.
        if number >= self.input.length() {
            return Err(self
                .input
                .fault("a number that is too large for something to remember"));
        }
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn recall(&mut self, operation: u8) -> Result<(), Fault> {
        let number = match operation {
            b'g' => self.input.memo_line()?,
            b'h' => self.input.number(1)?,
            _ => self.input.number(4)?,
        };
        match self.memo.get(&number) {
            Some(node) => {
                self.stack.push(*node);
                Ok(())
            }
            None => Err(self.input.fault("nothing was remembered under a number")),
        }
    }

    fn name(&mut self, operation: u8) -> Result<(), Fault> {
        let found = if operation == b'c' {
            let (module, name) = (self.input.ascii_line()?, self.input.ascii_line()?);
            names::find(module, name)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (&self.nodes[module], &self.nodes[name]) {
                (Node::Leaf(Value::Str(module)), Node::Leaf(Value::Str(name))) => module
                    .as_str()
                    .zip(name.as_str())
                    .and_then(|(module, name)| names::find(module, name)),
                _ => None,
            }
        };
        match found {
            Some(name) => {
                self.push(Node::Name(name));
                Ok(())
            }
            None => Err(self.input.fault("a name that is not a plain type's")),
        }
    }

    /// What a name makes of a tuple of arguments.
    fn make(&mut self) -> Result<(), Fault> {
        let (arguments, name) = (self.pop()?, self.pop()?);
        let (Node::Tuple(items), Node::Name(name)) = (&self.nodes[arguments], &self.nodes[name])
        else {
            return Err(self
                .input
                .fault("something is called that is not a plain type"));
        };
        let name = *name;
        // A set is kept as the nodes it is made from, which may be shared like those of any container.
        if let (Name::Set, [members]) = (name, items.as_slice()) {
            return self.make_set(*members);
        }
        // More arguments than any plain type has.
        let items = match items.len() {
            0..=3 => items.clone(),
            _ => {
                return Err(self
                    .input
                    .fault("arguments that a plain type does not take"));
            }
        };
        let arguments = items
            .into_iter()
            .map(|item| self.argument(item))
            .collect::<Result<Vec<_>, _>>()?;
        let made = build::make(name, arguments).ok_or_else(|| {
            self.input
                .fault("arguments that a plain type does not take")
        })?;
        self.push(match made {
            Made::Value(value) => Node::Leaf(value),
            Made::Set => Node::Set(Vec::new()),
            Made::Dict => Node::Dict(Vec::new()),
            Made::Zone(offset) => Node::Zone(offset),
            Made::EmptyUuid => Node::EmptyUuid,
        });
        Ok(())
    }

    /// The set of a container's members.
    fn make_set(&mut self, members: usize) -> Result<(), Fault> {
        let (Node::List(items) | Node::Tuple(items) | Node::Set(items)) = &self.nodes[members]
        else {
            return Err(self
                .input
                .fault("arguments that a plain type does not take"));
        };
        let items = items.clone();
        self.spend(items.len())?;
        self.push(Node::Set(items));
        Ok(())
    }

    fn argument(&mut self, node: usize) -> Result<Argument, Fault> {
        match self.nodes[node] {
            Node::Name(name) => Ok(Argument::Name(name)),
            Node::Zone(offset) => Ok(Argument::Zone(offset)),
            _ => self.value(node, 0).map(Argument::Value),
        }
    }

    /// Sets an object's state; of the plain types only a UUID has one.
    fn build(&mut self) -> Result<(), Fault> {
        let (state, object) = (self.pop()?, self.top()?);
        let state = self.value(state, 0)?;
        match (&self.nodes[object], build::uuid(&state)) {
            (Node::EmptyUuid, Some(uuid)) => {
                self.nodes[object] = Node::Leaf(uuid);
                Ok(())
            }
            _ => Err(self.input.fault("a state for what has none")),
        }
    }

    fn protocol(&mut self) -> Result<(), Fault> {
        match self.input.byte()? {
            0..=5 => Ok(()),
            _ => Err(self.input.fault("an unknown protocol")),
        }
    }

    /// Turns a node into a value. What contains itself is too deep.
    fn value(&mut self, node: usize, depth: usize) -> Result<Value, Fault> {
        match &self.nodes[node] {
            Node::List(items) => {
                let items = items.clone();
                self.values(items, depth).map(Value::List)
            }
            Node::Tuple(items) => {
                let items = items.clone();
                self.values(items, depth).map(Value::Tuple)
            }
            Node::Set(items) => {
                let items = items.clone();
                self.values(items, depth).map(Value::Set)
            }
            Node::Dict(entries) => {
                let entries = entries.clone();
                self.dict(entries, depth)
            }
            _ => self.leaf_value(node),
        }
    }

    fn values(&mut self, items: Vec<usize>, depth: usize) -> Result<Vec<Value>, Fault> {
        self.enter(items.len(), depth)?;
        let mut values = Vec::new();
        for item in items {
            values.push(self.value(item, depth + 1)?);
        }
        Ok(values)
    }

    fn dict(&mut self, entries: Vec<(usize, usize)>, depth: usize) -> Result<Value, Fault> {
        self.enter(entries.len(), depth)?;
        let mut dict = Dict::new();
        for (key, value) in entries {
            let key = self.value(key, depth + 1)?;
            let key = Text::of_key(&key)
                .filter(|_| depth > 0)
                .or_else(|| json::key_text(&key))
                .ok_or_else(|| self.input.fault("a key that has no text"))?;
            dict.insert(key, self.value(value, depth + 1)?);
        }
        Ok(Value::Dict(dict))
    }

    #[inline(never)]
    fn leaf_value(&mut self, node: usize) -> Result<Value, Fault> {
        let Node::Leaf(value) = &self.nodes[node] else {
            return Err(self.input.fault("an object that is not a plain value"));
        };
        let value = value.clone();
        self.spend(size(&value))?;
        Ok(value)
    }

    fn enter(&mut self, items: usize, depth: usize) -> Result<(), Fault> {
        if depth >= MAX_DEPTH {
            return Err(self.input.fault("nested too deeply"));
        }
        self.spend(items + 1)
    }

    fn spend(&mut self, amount: usize) -> Result<(), Fault> {
        match self.budget.checked_sub(amount) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.input.fault("shared objects make the value too large")),
        }
    }
}

/// From this many bytes on a value counts more.
const LONG: usize = 24;

/// What a value that is no container takes from the budget: one, and more if it is long.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Str(text) | Value::Markup(text) => text.as_wtf8().len() / LONG,
        Value::Bytes(bytes) => bytes.len() / LONG,
        Value::BigInt(value) => value.bits() as usize / 8 / LONG,
        Value::Decimal(decimal) => decimal.as_str().len() / LONG,
        _ => 0,
    }
}
