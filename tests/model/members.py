#!/usr/bin/env python3
"""The protocol of members (comments, attachments, worklogs) as a model, checked by random runs.

    members.py [--runs N] [--seed N] [--break RULE] [--until-failed] [--trace]

A member is not merged: it belongs to the site where it was written, and travels from the original to its copy only. Each
side keeps one record of it. The original's side sees the original, in any order and any number of times, and tells the
other what became of it; the other side makes, edits or deletes the copy.

    seq       orders what is told: the original's "updated", but higher than before for each thing told
    late      an earlier "updated" tells nothing, unless it was read after all that is known ("now"): then a clock was set back
    unproven  what does not show whether it is restricted counts as restricted; it never overrules what did
    kept      restricted: the copy is withdrawn; that may be lifted
    gone      deleted, or missed by a list read now: for ever, so that a late "created" cannot raise the dead
    lost      a person deleted the copy (it is gone, and no deed of ours was begun); an edit that did not see that beats it, and makes the copy again, once
    look      whoever may have made a copy and not noted it looks for its marker before making or deleting one
    begun     a deed is noted before it is done; until its end is noted, an equal hash says nothing at another seq, nor does it
              that the copy was lost
    own       a copy never acts on its original: what happens to a copy is told to nobody
    rejoin    a state was restored or lost: the copy's side says which copies it has and what it was told last; everything is
              told anew, higher than that, also that an original is gone of which nothing is known; until then all copies
              count as begun

--break leaves out one rule, to see that the checks notice. --trace prints every call of see, take and lose with its result
as a line of JSON: tests/model runs shared/merge on them and compares."""
import argparse, json, random, sys
from dataclasses import asdict, dataclass, replace

BREAKS = ('late', 'now', 'strict', 'unproven', 'kept', 'gone', 'once', 'again', 'look', 'begun', 'own', 'rejoin')


@dataclass(frozen=True)
class Member:
    local: str = ''
    remote: str = ''
    copy: bool = False
    seq: int = 0
    updated: int = 0
    rules: int = 0
    hash: str = ''
    gone: bool = False
    kept: bool = False
    lost: bool = False
    again: bool = False

    def known(m): return bool(m.updated or m.seq or m.hash or m.kept or m.gone)
    def left(m): return bool(m.hash and not m.kept)
    def tombstone(m): return m.gone or m.kept


@dataclass(frozen=True)
class Sight:
    seq: int = 0
    rules: int = 0
    hash: str = ''
    gone: bool = False
    kept: bool = False
    unproven: bool = False
    now: bool = False


@dataclass(frozen=True)
class Told:
    id: str
    seq: int
    deleted: bool
    rules: int
    hash: str
    anew: bool = False                                      # what the copy shows is known at the same seq only


class Crash(Exception):
    pass


def see(m, s, broken=()):
    """A sight of the original by its own site: the record then, and whether the other site has to be told."""
    if m.copy and 'own' not in broken or m.gone and 'gone' not in broken: return m, False
    late = s.seq < m.updated or s.seq == m.updated and (s.unproven or s.rules < m.rules)
    if s.gone: after, changed = replace(m, gone=True), m.left()
    elif m.known() and late and not (s.now and 'now' not in broken) and 'late' not in broken: return m, False
    elif s.kept and 'kept' not in broken or s.unproven and 'unproven' not in broken:
        after, changed = replace(m, updated=max(m.updated, s.seq), rules=s.rules, kept=True), m.left()
    else:
        after = replace(m, updated=max(m.updated, s.seq), rules=s.rules, kept=False, gone=False, hash=s.hash)
        changed = m.kept or m.gone or m.hash != s.hash
    if changed:
        after = replace(after, seq=s.seq if 'strict' in broken else max(after.updated, m.seq + 1))
    return after, changed


def take(m, told, broken=()):
    """What was told, on the copy's side: the record once that is done, and what is to be done."""
    if m.known() and (told.seq < m.seq or told.seq == m.seq and m.gone) and 'late' not in broken: return m, 'nothing'
    if told.anew: m = replace(m, lost=False)
    after = replace(m, copy=True, remote=told.id, seq=told.seq, rules=max(told.rules, m.rules), gone=told.deleted)
    if told.deleted:
        return after, 'nothing' if not m.local or m.lost else 'delete'
    after = replace(after, hash=told.hash)
    if not m.local or m.gone: return replace(after, local='', lost=False), 'create'
    if m.hash == told.hash and (told.seq == m.seq or not told.anew): return after, 'nothing'
    if not m.lost: return after, 'edit'
    if 'again' in broken: return after, 'nothing'
    if not m.again or 'once' in broken: return replace(after, local='', lost=False, again=True), 'create'
    return after, 'nothing'


def lose(m):
    return replace(m, lost=True) if m.copy and m.local and not m.gone else m


class World:
    """One member: the Jira it was written in, the one that has its copy, what each side keeps, and what is under way."""
    def __init__(w, seed, broken=(), trace=None):
        w.r, w.broken, w.trace, w.clock, w.healed = random.Random(seed), broken, trace, 100, False
        w.exists, w.text, w.restricted, w.updated, w.edits = False, '', False, 0, 0     # the original
        w.copies, w.made, w.deleted = {}, 0, 0               # local id -> text, as the other Jira shows it
        w.mine, w.theirs, w.open = Member(), Member(), False # open: a deed was begun, and its end not noted
        w.events, w.net = [], []
        w.opened, w.remade, w.dead = set(), 0, False         # texts that all could see; how often a deleted copy came again
        w.rules, w.lied = 0, False                           # revision of the outgoing rule
        w.victim, w.snap, w.anew, w.owed = w.r.choice(['mine', 'theirs']), Member(), False, False
        w.coarse = w.r.random() < .5                         # a Jira that moves "updated" by whole seconds, or not at all


    def call(w, do, m, x, out):
        if w.trace is not None:
            w.trace.add(json.dumps(dict(do=do, m=asdict(m), x=asdict(x) if x else None, out=asdict(out[0]), did=out[1]), sort_keys=True))
        return out

    # ---- what people do
    def tick(w):
        w.clock += w.r.randrange(0 if w.coarse else 1, 4)
        w.updated = w.clock

    def change(w, text=None, restricted=None):
        w.tick()
        if text: w.edits += 1; w.text = text
        if restricted is not None: w.restricted = restricted
        w.open_to_all()
        w.events.append(w.sight())

    def open_to_all(w):
        if not w.restricted: w.opened.add(w.text)

    def sight(w, now=False):
        s = Sight(w.updated, w.rules, w.out(), kept=w.restricted, now=now)
        if not now and w.r.random() < .1: s = replace(s, kept=False, unproven=True)
        return s

    def out(w): return '%s>%d' % (w.text, w.rules)

    def person(w):
        k = w.r.random()
        if not w.exists:
            if w.edits: return
            w.exists = True
            w.change('t1', w.r.random() < .2)
        elif k < .5: w.change('t1' if w.r.random() < .3 else 't%d' % (w.edits + 1))
        elif k < .7:
            if w.coarse and w.r.random() < .5: w.restricted = not w.restricted; w.open_to_all()  # moves no "updated", sends no event
            else: w.change(restricted=not w.restricted)
        elif k < .75: w.exists = False; w.events.append(Sight(w.clock, gone=True))
        elif k < .9 and w.copies: w.delete_copy()
        elif k < .95 and w.coarse: w.clock -= 30                                  # the clock is set back
        elif w.copies: w.copies[max(w.copies)] = 'scribble'; w.scribbled()

    def delete_copy(w):
        id = max(w.copies)
        del w.copies[id]
        w.deleted += 1
        if w.r.random() < .7 and w.theirs.local == id and not w.open: w.theirs = w.call('lose', w.theirs, None, (lose(w.theirs), False))[0]

    def scribbled(w):
        """The event of a changed copy: the record is the copy's."""
        after, told = w.call('see', w.theirs, Sight(w.clock, hash='scribble'), see(w.theirs, Sight(w.clock, hash='scribble'), w.broken))
        if not w.theirs.copy: return                                              # not noted yet: known by its marker
        w.theirs = after
        if told: w.mine, did = take(w.mine, Told('copy', after.seq, False, 0, 'scribble'), w.broken); w.lied = w.lied or did != 'nothing'

    # ---- the original's side
    def see(w, s):
        w.dead = w.dead or s.gone and w.mine.known()
        w.mine, told = w.call('see', w.mine, s, see(w.mine, s, w.broken))
        w.mine = replace(w.mine, local='o') if w.mine.known() else w.mine
        if told: w.tell()

    def read(w):
        if w.exists: w.see(w.sight(now=True))
        elif w.mine.known(): w.see(Sight(gone=True, now=True))

    def tell(w):
        assert w.mine.tombstone() or not w.mine.hash or w.mine.hash.split('>')[0] in w.opened, 'a restricted text leaves'
        assert w.mine.tombstone() or not w.dead or w.anew, 'the dead are raised'
        if w.mine.hash or w.owed:                           # else it never left
            w.net.append(Told('o', w.mine.seq, w.mine.tombstone(), w.mine.rules, '' if w.mine.tombstone() else w.mine.hash, w.anew))

    # ---- the copy's side
    def take(w, t, crash=False):
        t = replace(t, anew=(t.anew or w.open) and 'begun' not in w.broken)
        after, did = w.call('take', w.theirs, t, take(w.theirs, t, w.broken))
        if did == 'nothing' and t.deleted and after.gone and not after.local: did = 'delete'
        if did == 'edit' and after.local not in w.copies:                         # deleted meanwhile, Jira says
            did, after = 'create', replace(after, again=True, local='')
            if w.theirs.again and 'once' not in w.broken: did = 'nothing'
        found = w.look()
        if found and after.local: after = replace(after, local=found)              # the one that is there
        if did == 'create':
            if not found: w.made += 1
            after = replace(after, local=found or 'k%d' % w.made)
            w.copies[after.local] = t.hash
        elif did == 'edit': w.copies[after.local] = t.hash
        elif did == 'delete': w.copies.pop(found or after.local, None)
        assert len(w.copies) < 2, 'two copies'
        if crash: w.open = True; return                      # done, and not noted
        w.remade += did == 'create' and w.theirs.lost and not w.theirs.gone
        assert w.remade < 2 or w.anew, 'a copy that was deleted comes again and again'
        w.theirs, w.open = after, w.open and did == 'nothing'

    def look(w):
        """A copy of ours that is not noted, found by its marker; only where there may be one."""
        return max(w.copies) if w.open and w.copies and 'look' not in w.broken else ''

    def list(w):
        """All copies are listed: one that is missed was deleted by a person."""
        if w.theirs.local and not w.theirs.gone and not w.open and w.theirs.local not in w.copies:
            w.theirs = w.call('lose', w.theirs, None, (lose(w.theirs), False))[0]

    # ---- disasters
    def disaster(w):
        """One side loses its state, or gets back that of an earlier moment."""
        if not w.edits: return
        if w.r.randrange(3) == 0: w.snap = getattr(w, w.victim); return
        setattr(w, w.victim, w.snap if w.r.randrange(4) else Member())
        if 'rejoin' not in w.broken: w.rejoin()

    def rejoin(w):
        """The copy's side says which copies it has and what it was told last; all is told anew, and higher than that."""
        w.net.clear()                                       # nothing flows until both sides are ready
        w.read()
        if (w.theirs.copy or w.open) and w.theirs.seq >= w.mine.seq and (w.theirs.seq > w.mine.seq or w.victim == 'mine'):
            if not w.mine.known(): w.mine = Member(local='o', gone=True)
            w.mine, w.owed = replace(w.mine, seq=w.theirs.seq + 1), True
        w.open = w.anew = True
        w.tell()

    def publish(w):
        w.rules += 1
        if w.r.random() < .8: w.read()

    def step(w):
        k = w.r.random()
        if k < .3: w.person()
        elif k < .6:
            if w.events:
                s = w.r.choice(w.events)
                if w.r.random() < .7: w.events.remove(s)
                if w.r.random() < .8: w.see(s)
        elif k < .65: w.read()
        elif k < .68: w.list()
        elif k < .70: w.disaster()
        elif k < .73: w.publish()
        elif w.net:
            t = w.r.choice(w.net)
            if w.r.random() < .7: w.net.remove(t)
            if w.r.random() < .8: w.take(t, w.r.random() < .15)

    def settle(w):
        for _ in range(4):
            w.read(); w.list(); w.tell()
            while w.net: w.take(w.net.pop(0))

    def run(w):
        for _ in range(w.r.randrange(5, 80)): w.step()
        w.healed = True
        for s in w.r.sample(w.events, len(w.events) // 2): w.see(s)               # what comes late changes nothing
        w.r.shuffle(w.net)
        w.settle()
        w.check('')
        made = w.made
        w.settle()
        assert w.made == made, 'made again without end'
        w.open, w.anew, w.remade = False, False, 0                                # all was told anew, and applied
        if w.exists and not w.restricted and w.mine.left():
            w.change('peace'); w.settle(); w.check(' after peace')
            for again in () if w.theirs.again or not w.copies else (True, False):
                w.copies.clear(); w.deleted += 1; w.list(); w.change('again %s' % again); w.settle()
                assert bool(w.copies) == again, 'a copy that was deleted is made again %s' % ('twice' if w.copies else 'never')

    def check(w, when):
        assert not w.lied, 'a copy acted on its original'
        shown = list(w.copies.values())
        if not w.exists or w.restricted:
            assert not shown, 'a copy outlives what was deleted or restricted' + when
        elif not shown:
            assert w.deleted or not w.edits, 'no copy' + when
        else:
            assert shown == [w.out()] or shown == ['scribble'], 'the copy shows something else' + when


def main():
    p = argparse.ArgumentParser(description='random runs of the protocol of members')
    p.add_argument('--runs', type=int, default=3000)
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--break', dest='broken', action='append', default=[], choices=BREAKS)
    p.add_argument('--until-failed', action='store_true')
    p.add_argument('--trace', action='store_true')
    args = p.parse_args()
    failed, trace = {}, set() if args.trace else None
    for seed in range(args.seed, args.seed + args.runs):
        try: World(seed, args.broken, trace).run()
        except AssertionError as why:
            failed.setdefault(str(why), seed)
            if args.until_failed: break
    for line in sorted(trace or ()): print(line)
    for why, seed in failed.items():
        print(f'FAILED: {why}; repeat: members.py --seed {seed} --runs 1', file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == '__main__':
    main()
