#!/usr/bin/env python3
"""The merge protocol as a model, checked by random runs.

    converge.py [--runs N] [--seed N] [--case NAME] [--policy NAME] [--break RULE]

One field of one pair, two sites. Each site's Jira keeps a changelog: items in order of their id, each either an EDIT (a
person, an automation, another app) or OUR WRITE, which says in the call itself which edit it carries. The state of the
protocol is two entries, one per site: the latest edit made there.

    seq     changelog id of the edit: the order of edits on one site, immune to clocks, retries and restored state
    saw     highest seq of the OTHER site's edits that had been put here before it; -1 if none (edit 0 is the creation)
    stamp   time on the hub's timeline (converted once, by the observer), site, policy revision
    rules   revision of the outgoing rule that made the value

Everything else is derived:

    refresh   the entry is the highest edit by id; it saw what our writes with a lower id carried, what was shown silently
              before it, and what the entry it replaces had seen or beaten
    join      per entry: higher seq; at equal seq higher saw, higher stamp, value of the higher rule revision
    behind    if Jira shows a remote edit later than the entry we have of that site, our state was restored: wait for it
    winner    the edit that saw the other; else the policy of the higher policy revision of the two stamps
    project   if the latest known item does not carry the winner, write the winner, or note it as shown
    pick      policy `ask`: the picked entry saw the other one, by decree; of two crossed picks the newer edit stands
    redo      newly published rules: the value is sent, and written, once more under the same edit
    halt      a write that goes over several values (a walk through a workflow) says of each but the last that it is a halt:
              it is ours and stands for the edit, but does not put it there

Nothing is compared across sites by value, so mappings that do not invert do not drift. Nothing is counted by us, so a
restored backup or a crash between the write and its recording heals from Jira's own changelog.

shared/merge is this protocol on a summary of bounded size; its test runs the same cases. --break leaves out one rule, to
see that the checks notice."""
import argparse, copy, random, sys
from collections import namedtuple

Entry = namedtuple('Entry', 'seq saw value stamp rules')
Item = namedtuple('Item', 'id value at carries halt')     # carries: None for an edit, else (site, seq)
Intent = namedtuple('Intent', 'id edit before accepted')  # an own write whose place in the changelog is unknown

UNSEEN = -1
BREAKS = ('behind', 'unseen', 'hold', 'beaten', 'fruitless', 'redo', 'forgotten', 'saw', 'oneway', 'halt')


class Crash(Exception):
    pass


def other(role):
    return 'private' if role == 'public' else 'public'


def join(a, b):
    """Per entry: idempotent, commutative, associative."""
    if a is None or b is None: return a or b
    if a.seq != b.seq: return max(a, b, key=lambda e: e.seq)
    rules, value = max((a.rules, a.value), (b.rules, b.value))
    return Entry(a.seq, max(a.saw, b.saw), value, max(a.stamp, b.stamp), rules)


class Jira:
    """A site's Jira: the value it shows and the changelog of it. je is the edit it shows, for the checks only."""
    def __init__(j, world, role, skew):
        j.world, j.role, j.skew = world, role, skew
        j.exists, j.value, j.je, j.log, j.made = True, world.case.start, 0, [], {}

    def item(j, value, carries, je, id=None, halt=False):
        j.world.clock += 1
        j.value, j.je = value, je
        if id is None: id = (j.log[-1].id if j.log else 0) + j.world.r.randrange(1, 4)  # other fields have items too
        j.log.append(Item(id, value, j.world.clock + j.skew, carries, halt))
        if carries is None: j.made[id] = je
        return j.log[-1]


class Site:
    FORGETS = 'known silent open mine theirs shown redo rules'.split()  # what a backup brings back

    def __init__(s, world, role, skew):
        s.world, s.case, s.role, s.jira = world, world.case, role, Jira(world, role, skew)
        s.way = {'public': 'out', 'private': 'in'}[role] if s.case.oneway else 'both'
        s.known, s.silent, s.open = {}, [], []       # items seen; remote edits placed silently (seq, after id); intents
        s.mine = s.theirs = s.shown = s.redo = None  # shown: (edit, item) shown although the item carries another
        s.policies, s.rules = {0: world.policy}, 0
        s.published, s.writes, s.snap = 0, 0, None

    # ---- observing
    def observe(s, items, whole=False):
        for it in items: s.known[it.id] = it
        if whole:
            s.open, intents = [], s.open
            for i in intents:                        # accepted, and no item: Jira showed our value already
                if i.accepted and i.id is None and i.before == s.latest()[0] and 'fruitless' not in s.world.broken:
                    s.stands(i.edit)
        s.open = [i for i in s.open if i.id is None or i.id not in s.known]
        if s.open and 'hold' not in s.world.broken: return
        s.refresh()

    def read(s): s.observe(s.jira.log, whole=True)

    def edits(s):
        return {} if s.way == 'in' and 'oneway' not in s.world.broken else {i: it for i, it in s.known.items() if it.carries is None}

    def refresh(s):
        edits = s.edits()
        if not edits: return
        n = max(edits)
        saw = s.placed_before(n)
        if s.mine and s.mine.seq <= n and 'beaten' not in s.world.broken: saw = max(saw, s.mine.saw)
        if s.mine is None or n > s.mine.seq:
            at = edits[n].at - s.jira.skew + s.world.error()
            s.mine = Entry(n, saw, s.case.out(edits[n].value, s.published), (at, s.role, max(s.policies, default=0)), s.published)
        elif n == s.mine.seq:
            s.mine = s.mine._replace(saw=max(saw, s.mine.saw))

    def placed_before(s, n):
        if 'saw' in s.world.broken: return UNSEEN
        none = 0 if 'unseen' in s.world.broken else UNSEEN
        return max([it.carries[1] for i, it in s.known.items() if i < n and it.carries and it.carries[0] == other(s.role)] +
                   [q for q, after in s.silent if after < n] + [none])

    # ---- deciding
    def winner(s):
        """The entry that stands, and the verdict."""
        a, b = None if s.way == 'in' else s.mine, None if s.way == 'out' else s.theirs
        if s.way != 'out' and 'behind' not in s.world.broken:
            if max(s.placed_before(float('inf')), s.mine.saw if s.mine else UNSEEN) > (b.seq if b else UNSEEN): return None, 'behind'
        if a is None or b is None: return a or b, 'known'
        x, y = a.saw >= b.seq, b.saw >= a.seq
        if x != y: return (a if x else b), 'known'
        policy = s.policies.get(max(a.stamp[2], b.stamp[2]))
        if policy is None: return None, 'waiting'
        if policy == 'ask' and not (x and y): return None, 'asking'
        if policy in ('newest', 'ask'): return max(a, b, key=lambda e: e.stamp), 'decided'
        return (a if a.stamp[1] == policy else b), 'decided'

    def latest(s):
        """The latest item that counts: its id and what it carries. An edit that stays at home does not count."""
        counts = [i for i, it in s.known.items() if it.carries or i in s.edits()]
        if not counts: return None, None
        n = max(counts)
        it = s.known[n]
        return n, None if it.halt and 'halt' not in s.world.broken else it.carries or (s.role, n)

    def value(s):
        return s.known[max(s.known)].value if s.known else s.case.start

    def stands(s, edit):
        s.shown, s.redo = (edit, s.latest()[0]), None
        if edit[0] != s.role: s.silent.append((edit[1], max(s.known, default=0)))

    def project(s, crash=False):
        if s.open and 'hold' not in s.world.broken: return
        w, verdict = s.winner()
        s.world.real(s, verdict)
        if w is None: return
        n, carried = s.latest()
        edit = (w.stamp[1], w.seq)
        own = edit[0] == s.role
        if own and s.theirs and s.way == 'both' and s.theirs.seq not in [q for q, _ in s.silent] and 'beaten' not in s.world.broken:
            s.silent.append((s.theirs.seq, n))      # beaten: later edits here inherit the decision
        redo = s.redo is not None and s.redo[0] == n and not own and s.edits_after(n) == 0
        if (carried == edit or s.shown == (edit, n)) and not redo: return
        v = s.known[w.seq].value if own and w.seq in s.known else w.value if own else s.case.into(w.value, s.published)
        if s.jira.exists and v == s.value(): s.stands(edit); return
        if s.world.refuses(s.role, v): return
        s.write(v, edit, n, crash)

    def edits_after(s, n):
        return len([i for i in s.known if n is not None and i > n])      # only edits that stay at home can be later

    def write(s, v, edit, before, crash):
        newer = [it for it in s.known.values() if it.carries and it.carries[0] == edit[0] != s.role and it.carries[1] > edit[1]]
        assert not newer, 'an older edit written over a newer one'
        s.writes += 1
        assert s.writes < 200, 'endless writing'
        real, je = s.case.norm(v), s.world.site(edit[0]).jira.made[edit[1]]
        again = s.redo or before in s.known and s.known[before].halt
        if not again and not s.case.oneway: assert je not in s.world.past[s.jira.je], 'an edit overwritten by one it was made on top of'
        if not s.jira.exists:
            s.jira.exists = True
            if s.world.r.random() < .2:                                   # the row came after the creation: not carried
                return
            it = s.jira.item(real, edit, je, id=0)
        else:
            if not s.walk(real, edit, je, before, crash): return
            it = s.jira.item(real, edit, je) if real != s.jira.value else None  # what changes nothing leaves no item
        if crash: s.open.append(Intent(None, edit, before, False)); raise Crash  # outcome unknown: will read
        if s.case.unknown and s.world.r.random() < .5: s.open.append(Intent(it and it.id, edit, before, True)); return
        if it: s.known[it.id] = it; return
        s.open.append(Intent(None, edit, before, True))                          # no item in the answer: read the changelog
        s.read(); s.project()

    def walk(s, real, edit, je, before, crash):
        """The halts on the way to the value. A crash, or a person, may cut the walk off at any of them."""
        for halt in s.case.halts(s.jira.value, real):
            s.jira.item(halt, edit, je, halt=True)
            k = 1 if s.world.healed else s.world.r.random()
            if k > .6: continue
            if k < .2: s.world.edit(s)
            s.open.append(Intent(None, edit, before, False))
            if crash: raise Crash
            return False                                                         # refused from where it is now, or no answer
        return True

    # ---- talking
    def replica(s):
        return (None if s.way == 'in' else s.mine, s.theirs, dict(s.policies))

    def receive(s, replica, crash=False):
        theirs, mine, policies = replica
        for revision, p in policies.items(): s.policies.setdefault(revision, p)
        if s.open: s.read()                                               # a place is unknown: what is redone must be known
        if theirs:
            old, s.theirs = s.theirs, join(s.theirs, theirs)
            if old and old.seq == s.theirs.seq and old.value != s.theirs.value and 'redo' not in s.world.broken: s.redo = (s.latest()[0],)
        if s.way != 'in' and mine and (s.mine is None or mine.seq > s.mine.seq) and 'forgotten' not in s.world.broken:
            s.read()                                                      # they know an edit that we forgot
        if mine and s.mine and mine.seq == s.mine.seq: s.mine = join(s.mine, mine)
        s.refresh(); s.project(crash)

    def pick(s, r):
        if s.winner()[1] != 'asking': return False
        if r.random() < .5: s.mine = s.mine._replace(saw=s.theirs.seq)
        else: s.theirs = s.theirs._replace(saw=s.mine.seq)
        s.project(); return True

    # ---- what happens to a site
    def publish(s):
        """The bulk lane reaches the pair: rules newer than its state are applied."""
        if s.open or s.rules == s.published: return
        s.rules = s.published
        if 'redo' not in s.world.broken: s.redo = (s.latest()[0],)
        if s.mine and s.mine.rules < s.published and s.mine.seq in s.known:
            s.mine = s.mine._replace(value=s.case.out(s.known[s.mine.seq].value, s.published), rules=s.published)
        s.project()

    def backup(s): s.snap = copy.deepcopy([getattr(s, k) for k in s.FORGETS])

    def roll_back(s):
        for k, v in zip(s.FORGETS, copy.deepcopy(s.snap)): setattr(s, k, v)
        s.known_policies()

    def known_policies(s):
        """Policies belong to the connection: the public site, where they are published, keeps them."""
        s.policies = dict(s.world.published) if s.role == 'public' else {0: s.world.policy}

    def restore(s): s.roll_back(); s.read(); s.project()                  # a new generation reads the changelog

    def lose(s):
        s.known, s.silent, s.open, s.rules = {}, [], [], 0
        s.known_policies()
        s.mine = s.theirs = s.shown = s.redo = None
        s.read()


class World:
    """One run: two sites, the faults between them, and what must hold at the end."""
    def __init__(w, case, policy, seed, broken):
        w.case, w.policy, w.broken, w.r = case, policy, broken, random.Random(seed)
        w.clock, w.healed, w.edits, w.past, w.last = 0, False, 0, {0: frozenset()}, {}
        w.errors = random.Random(seed)
        w.published = {0: policy}
        w.A = Site(w, 'public', w.r.randrange(-40, 40) if case.skewed else 0)
        w.B = Site(w, 'private', 0)
        w.net, w.events, w.sent = [], {w.A: [], w.B: []}, {w.A: 0, w.B: 0}

    def site(w, role): return w.A if role == 'public' else w.B
    def error(w): return w.errors.randrange(-w.case.errors, w.case.errors + 1) if w.case.errors else 0
    def refuses(w, role, v): return w.case.refuse and not w.healed and role == 'private' and v.startswith('z')
    def two(w): return (w.A, w.B) if w.r.random() < .5 else (w.B, w.A)

    def edit(w, X, v=None, id=None):
        if not X.jira.exists: return
        w.edits += 1; n = w.edits
        v = v or (w.r.choice(w.case.domain) if w.case.domain else '%sv%d' % ('xyz'[w.r.randrange(3)], n))
        if v == X.jira.value and id is None: return
        w.past[n] = w.past[X.jira.je] | {X.jira.je}
        X.jira.item(v, None, n, id)
        w.last[n] = (w.clock, v, X)

    def begin(w):
        if w.case.created:
            X, Y = w.two()
            Y.jira.exists = False
            w.edit(X, id=0)
        elif w.case.paired:
            for X in w.two(): w.edit(X, id=0)

    def give(w, Y, replica, crash=False):
        try: Y.receive(replica, crash)
        except Crash: pass

    def event(w, X):
        w.events[X] += X.jira.log[w.sent[X]:]; w.sent[X] = len(X.jira.log)
        if not w.events[X]: return
        i = w.r.randrange(len(w.events[X])); e = w.events[X][i]
        k = w.r.random()
        if k < .84: w.events[X].pop(i)                                    # else it will come again
        if k < .2: return                                                 # lost
        X.observe([e]); X.project()

    def step(w):
        k, (X, Y), c = w.r.random(), w.two(), w.case
        if k < .25: w.edit(X)
        elif k < .5: w.event(X)
        elif k < .52 and c.restore: X.snap or X.backup()
        elif k < .53 and c.restore and X.snap: X.restore()
        elif k < .535 and c.restore and X.snap and Y.snap: X.restore(); Y.restore()
        elif k < .54 and c.restore and X.jira.exists: X.lose(); X.project()
        elif k < .56 and c.change and w.r.random() < .2: w.publish_policy()
        elif k < .58 and c.republish: X.published += 1
        elif k < .62 and c.republish: X.publish()
        elif k < .64: X.pick(w.r)
        elif k < .80:
            if w.r.random() > .3: w.send(X, Y)
            if w.r.random() < .5: w.send(Y, X)                            # crossing
        elif w.net:
            Z, replica = w.net.pop(w.r.randrange(len(w.net)))
            w.give(Z, replica, w.r.random() < .15)

    def publish_policy(w):
        w.published[max(w.published) + 1] = w.case.change
        w.A.policies = dict(w.published)

    def send(w, X, Y):
        mine, theirs, policies = X.replica()
        w.net.append((Y, (mine, theirs, policies if w.r.random() > .3 else {})))   # policies travel on their own

    def quiet(w, rounds, reconcile=True):
        for _ in range(rounds):
            ra, rb = w.A.replica(), w.B.replica()
            if reconcile: w.A.read(); w.B.read()
            else: w.give(w.B, ra); w.give(w.A, rb)                        # a start hears the other side before it writes
            for X in (w.A, w.B): X.publish(); X.project()
            if reconcile: w.give(w.B, ra); w.give(w.A, rb)

    def settle(w, what, reconcile=True):
        w.quiet(6, reconcile)
        for _ in range(3):                                                # every conflict gets its answer
            if w.two()[0].pick(w.r): w.quiet(6, reconcile)
        before = w.writes(); w.quiet(3, reconcile)
        assert w.writes() == before, 'ping-pong' + what
        for X in (w.A, w.B): assert X.winner()[1] in ('known', 'decided') or not w.last, X.winner()[1] + ' for ever' + what

    def writes(w): return w.A.writes + w.B.writes

    def run(w):
        w.begin()
        for _ in range(w.r.randrange(5, 120)): w.step()
        w.healed = True
        if w.r.random() < .5:
            for X, replica in w.net: w.give(X, replica)
        w.settle('')
        agree = w.agree_one_way if w.case.oneway else w.agree
        agree()
        writes = w.writes()
        X, _ = w.two()
        if X.snap:                                                        # and nobody notices, so nobody reads a changelog
            X.roll_back(); w.settle(' after a rollback', reconcile=False)
            agree()
        (w.peace_one_way if w.case.oneway else w.peace)()
        return writes, len(w.last)

    # ---- the checks
    def same(w, a, b): return a.rstrip("'") == b.rstrip("'")

    def agree(w):
        a, b, c = w.A.jira, w.B.jira, w.case
        if c.ident: assert w.same(a.value, b.value), 'diverged'
        for X in (w.A, w.B):
            if X.winner()[0] is X.mine and X.mine: assert w.same(X.jira.value, X.known[X.mine.seq].value), 'not what was edited on its own site'
        if c.republish: w.projected()
        if c.domain: return
        if a.log and b.log and c.ident: assert a.je == b.je, 'diverged in meaning'
        if a.je != b.je or c.lossy: return                                # where values coincide, an edit may stand for another
        assert not [e for e in w.last if a.je in w.past[e]], 'an edit made on top of the standing one was overruled'
        if w.last and not c.skewed and not c.change and w.policy == 'newest':
            assert a.je == max(w.last.items(), key=lambda x: x[1][0])[0], 'not newest'
        w.policed()

    def real(w, X, verdict):
        """There is a conflict only where neither edit was made on top of the other."""
        if verdict not in ('decided', 'asking') or w.case.restore or w.case.domain or w.case.lossy:
            return                                                        # lost state and equal values can hide that an edit was seen
        x, y = X.jira.made[X.mine.seq], w.site(other(X.role)).jira.made[X.theirs.seq]
        assert x not in w.past[y] and y not in w.past[x], 'a conflict where there is none'

    def policed(w):
        """Of two edits of which neither was made over the other, the policy's site has the standing one."""
        A, B = w.A, w.B
        if w.policy in ('newest', 'ask') or w.case.change or not w.case.ident or not A.mine or not B.mine: return
        x, y = A.jira.made[A.mine.seq], B.jira.made[B.mine.seq]
        if x in w.past[y] or y in w.past[x]: return
        assert A.jira.je == {'public': x, 'private': y}[w.policy], 'policy not followed'

    def projected(w):
        """After new rules both sites show what the latest rules make of the standing edit."""
        for X, Y in ((w.A, w.B), (w.B, w.A)):
            if not Y.jira.log or X.winner()[0] is not X.mine: continue
            v = w.case.into(w.case.out(X.known[X.mine.seq].value, X.published), Y.published)
            assert w.same(Y.jira.value, v), 'old rules still show'

    def peace(w):
        X, Y = w.two()
        v = w.r.choice([d for d in w.case.domain or ['peace'] if d != X.jira.value.rstrip("'")])
        w.edit(X, v); w.settle(' after peace')
        assert w.same(X.jira.value, v), 'an edit in peace lost at home'
        assert w.same(Y.jira.value, w.case.into(w.case.out(v, X.published), Y.published)), 'an edit in peace not carried'

    def agree_one_way(w):
        a, b = w.A.jira, w.B.jira
        if w.A.mine: assert b.je == a.je or a.je in w.past[b.je], 'a remote edit missing on the site that only takes'

    def peace_one_way(w):
        w.edit(w.A, 'first'); w.settle(' one way')
        assert w.B.jira.value == 'first', 'an edit in peace not carried'
        w.edit(w.B, 'local'); w.settle(' one way')
        assert (w.A.jira.value, w.B.jira.value) == ('first', 'local'), 'a local edit fought, or sent, on the site that only takes'
        w.edit(w.A, 'second'); w.settle(' one way')
        assert w.B.jira.value == 'second', 'a later remote edit not written over the local one'


def tick(v): return v if v.endswith("'") else v + "'"


class Case:
    """What a run has to live with."""
    skewed = unknown = refuse = restore = republish = created = paired = oneway = lossy = False
    errors, domain, change, ident, start = 0, None, None, True, 'a'
    out = staticmethod(lambda v, rules: v)
    into = staticmethod(lambda x, rules: x)
    norm = staticmethod(lambda v: v)
    halts = staticmethod(lambda v, to: [])

    def __init__(c, **given): c.__dict__.update(given)


def halts(v, to):
    """Of the states Open, Doing and Finished the first and the last are reached from each other over Doing only."""
    return ['D'] if {v, to} == {'O', 'F'} else []


WALKED = dict(domain='OFOFD', start='O', halts=halts)
MARKED = dict(republish=True, ident=False, out=lambda v, r: '%s>%d' % (v, r), into=lambda x, r: '%s>%d' % (x, r))
CASES = {
    'plain': Case(),
    'clocks-apart': Case(skewed=True),
    'ids-unknown': Case(unknown=True),
    'clock-estimates-off': Case(skewed=True, errors=5),
    'normalised': Case(norm=tick, unknown=True),
    'two-values': Case(domain='TF', unknown=True),
    'two-values-normalised': Case(domain='TF', norm=tick, unknown=True),
    'set-element': Case(domain='TF', start='F', unknown=True, restore=True),
    'walk': Case(unknown=True, **WALKED),
    'walk-restored': Case(restore=True, refuse=True, **WALKED),
    'lossy-mapping': Case(into=lambda x, r: x[:1] + '!', out=lambda v, r: v.upper(), ident=False, lossy=True),
    'refused': Case(refuse=True),
    'policy-changed': Case(change='private'),
    'restored': Case(restore=True),
    'created': Case(created=True),
    'created-hard': Case(created=True, unknown=True, restore=True, refuse=True),
    'paired-by-hand': Case(paired=True, unknown=True),
    'republished': Case(unknown=True, **MARKED),
    'republished-restored': Case(restore=True, norm=tick, **MARKED),
    'one-way': Case(oneway=True, unknown=True),
    'one-way-restored': Case(oneway=True, restore=True, refuse=True),
    'all': Case(skewed=True, unknown=True, refuse=True, restore=True, errors=5, change='private'),
    'all-created': Case(created=True, skewed=True, unknown=True, refuse=True, restore=True, errors=5, change='private'),
}
POLICIES = ('newest', 'public', 'private', 'ask')


def main():
    p = argparse.ArgumentParser(description='random runs of the merge protocol')
    p.add_argument('--runs', type=int, default=200)
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--case', choices=CASES)
    p.add_argument('--policy', choices=POLICIES)
    p.add_argument('--break', dest='broken', action='append', default=[], choices=BREAKS)
    args = p.parse_args()
    bad = 0
    for name, case in CASES.items():
        if args.case and name != args.case: continue
        for policy in POLICIES:
            if args.policy and policy != args.policy: continue
            failed, writes, edits = {}, 0, 0
            for seed in range(args.seed, args.seed + args.runs):
                try: w, e = World(case, policy, seed, args.broken).run()
                except AssertionError as why: failed.setdefault(str(why), seed)
                else: writes += w; edits += e
            bad += len(failed)
            print(f'{name:22} {policy:8} {args.runs} runs, {writes / max(edits, 1):.2f} writes per edit', flush=True)
            for why, seed in failed.items():
                print(f'    FAILED: {why}; repeat: converge.py --case {name} --policy {policy} --seed {seed} --runs 1', flush=True)
    sys.exit(bad > 0)


if __name__ == '__main__':
    main()
