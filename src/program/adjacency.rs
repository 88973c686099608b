//! Directed graphs over dense numbers: neighbours in one table, strongly connected components in linear time.

/// The successors of each node, one after the other.
#[derive(Debug, Default)]
pub struct Adjacency {
    /// Where the successors of each node begin, and where the last ones end.
    starts: Vec<u32>,
    to: Vec<u32>,
}

/// Strongly connected components; each comes after those that it leads to.
#[derive(Debug, Default)]
pub struct Components {
    starts: Vec<u32>,
    members: Vec<u32>,
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("fewer than 2^32 modules and imports")
}

impl Adjacency {
    /// The graph of `nodes` nodes in which each leads to its `successors`.
    pub fn new<I: IntoIterator<Item = u32>>(nodes: usize, mut successors: impl FnMut(u32) -> I) -> Self {
        let mut starts = Vec::with_capacity(nodes + 1);
        let mut to = Vec::new();
        starts.push(0);
        for node in 0..number(nodes) {
            to.extend(successors(node));
            starts.push(number(to.len()));
        }
        Self { starts, to }
    }

    /// The number of nodes.
    pub fn nodes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The successors of a node.
    pub fn of(&self, node: u32) -> &[u32] {
        &self.to[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    /// The graph of the components: every edge between two of them once, none inside one.
    pub fn condensed(&self, components: &Components, numbers: &[u32]) -> Self {
        const NONE: u32 = u32::MAX;
        let mut met_from = vec![NONE; components.len()];
        let mut found = Vec::new();
        Self::new(components.len(), |component| {
            found.clear();
            met_from[component as usize] = component;
            for &member in components.members_of(component) {
                for &to in self.of(member) {
                    let to = numbers[to as usize];
                    if std::mem::replace(&mut met_from[to as usize], component) != component {
                        found.push(to);
                    }
                }
            }
            found.clone()
        })
    }

    /// The strongly connected components (Tarjan, without recursion).
    pub fn components(&self) -> Components {
        const NONE: u32 = u32::MAX;
        let count = self.nodes();
        let mut index = vec![NONE; count];
        let mut low = vec![0_u32; count];
        let mut on_stack = vec![false; count];
        let mut stack: Vec<u32> = Vec::new();
        let mut next = 0_u32;
        let mut out = Components { starts: vec![0], members: Vec::with_capacity(count) };
        // Nodes that are being walked, each with the successors that are left.
        let mut work: Vec<(u32, u32)> = Vec::new();
        for start in 0..number(count) {
            if index[start as usize] != NONE {
                continue;
            }
            let mut entered = Some(start);
            loop {
                if let Some(node) = entered.take() {
                    index[node as usize] = next;
                    low[node as usize] = next;
                    next += 1;
                    stack.push(node);
                    on_stack[node as usize] = true;
                    work.push((node, self.starts[node as usize]));
                }
                let Some((node, at)) = work.last_mut() else { break };
                let node = *node;
                if *at < self.starts[node as usize + 1] {
                    let to = self.to[*at as usize];
                    *at += 1;
                    if index[to as usize] == NONE {
                        entered = Some(to);
                    } else if on_stack[to as usize] {
                        low[node as usize] = low[node as usize].min(index[to as usize]);
                    }
                    continue;
                }
                work.pop();
                if let Some(&(parent, _)) = work.last() {
                    low[parent as usize] = low[parent as usize].min(low[node as usize]);
                }
                if low[node as usize] == index[node as usize] {
                    while let Some(member) = stack.pop() {
                        on_stack[member as usize] = false;
                        out.members.push(member);
                        if member == node {
                            break;
                        }
                    }
                    out.starts.push(number(out.members.len()));
                }
            }
        }
        out
    }
}

impl Components {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The nodes of one.
    pub fn members_of(&self, component: u32) -> &[u32] {
        let component = component as usize;
        &self.members[self.starts[component] as usize..self.starts[component + 1] as usize]
    }

    /// The nodes of each.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..number(self.len())).map(|component| self.members_of(component))
    }

    /// For each node the number of its component.
    pub fn numbers(&self) -> Vec<u32> {
        let mut numbers = vec![0; self.members.len()];
        for (component, members) in (0..).zip(self.iter()) {
            for &member in members {
                numbers[member as usize] = component;
            }
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::Adjacency;

    #[test]
    fn components_come_after_what_they_lead_to() {
        // 0 → 1 ⇄ 2 → 3, 4 alone
        let edges: [&[u32]; 5] = [&[1], &[2, 2], &[1, 3], &[], &[]];
        let graph = Adjacency::new(5, |node| edges[node as usize].iter().copied());
        let components = graph.components();
        let mut all: Vec<Vec<u32>> = components.iter().map(<[u32]>::to_vec).collect();
        for members in &mut all {
            members.sort_unstable();
        }
        assert_eq!(all, [vec![3], vec![1, 2], vec![0], vec![4]]);
        let condensed = graph.condensed(&components, &components.numbers());
        let edges: Vec<&[u32]> = (0..4).map(|component| condensed.of(component)).collect();
        assert_eq!(edges, [&[][..], &[0], &[1], &[]]);
    }
}
