-- Shared by all scripts. KEYS[1] is the lane's prefix with its hash tag, so that all keys of a lane
-- are in one slot; ARGV[1] is what the store's clock is ahead of the server's, in milliseconds.
local T = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[1]
local STREAM, GROUP, LATER, DEAD = T .. ':stream', 'workers', T .. ':later', T .. ':dead'
local META, OWNERS, HEALTH = T .. ':meta', T .. ':owners', T .. ':health'

local function call_key(id) return T .. ':call:' .. id end
local function name_key(name) return T .. ':key:' .. name end
local function unfinished(state) return state == '0' or state == '1' end

-- What a call is was written at its first submission and never changes: the hash of its message, how
-- long it may be tried (16 digits), then what workers read. Fewer fields are fewer arguments.
local function hash_of(policy) return string.sub(policy, 1, 32) end
local function expires_in(policy) return tonumber(string.sub(policy, 33, 48)) end

-- When it was submitted, and when it expires.
local function times(expires) return now .. ',' .. expires end
local function expiry(stamps) return string.match(stamps, '%d+$') end

-- A call that is due goes into the stream, with its message: the message is always in one place,
-- the stream entry or the call's hash. `c` counts attempts, unsent and lost tries, then come the expiry
-- and whether an earlier run under the same id may have reached the callee.
local function enqueue(id, policy, metadata, payload, attempts, unsent, lost, expires, before)
  local counts = attempts .. ',' .. unsent .. ',' .. lost .. ',' .. expires .. ',' .. (before or 0)
  return redis.call('XADD', STREAM, '*', 'i', id, 'p', policy, 'm', metadata, 'd', payload, 'c', counts)
end

-- What the stream entry keeps: the id, the metadata and the payload.
local function entry(sid)
  local found = redis.call('XRANGE', STREAM, sid, sid)[1]
  if found then return found[2][2], found[2][6], found[2][8] end
end

-- Whether a call that has ended may have reached the callee: what stays known when it runs again.
local function ran_before(key)
  local call = redis.call('HMGET', key, 'a', 'l', 'b')
  return (tonumber(call[1] or 0) > 0 or tonumber(call[2] or 0) > 0 or call[3] == '1') and 1 or 0
end

-- Which worker holds a stream entry. XACK alone would accept anyone.
local function holder(sid)
  local pending = redis.pcall('XPENDING', STREAM, GROUP, sid, sid, 1)
  if pending.err or not pending[1] then return nil end
  return pending[1][2]
end

local function leave(sids)
  if #sids == 0 then return end
  redis.pcall('XACK', STREAM, GROUP, unpack(sids))
  redis.call('XDEL', STREAM, unpack(sids))
end

-- Ends are told to the processes that wait, one message each, but for the one that hears it anyway; a
-- long record is looked up instead. A user without the right to publish leaves waiters to their
-- look-ups, but must not break off a script that has written.
local messages, NO_RECORD, MAX_TOLD = {}, 4294967295, 8192
local function tell(processes, id, record, except)
  if not processes or processes == '' or processes == except then return end
  local told
  if #record > MAX_TOLD then
    told = id .. struct.pack('>I4', NO_RECORD)
  else
    told = id .. struct.pack('>I4', #record) .. record
  end
  for process in string.gmatch(processes, '[^,]+') do
    if process ~= except then
      local list = messages[process]
      if not list then
        list = {}
        messages[process] = list
      end
      list[#list + 1] = told
    end
  end
end
local function publish(prefix)
  for process, list in pairs(messages) do
    redis.pcall('PUBLISH', prefix .. process, table.concat(list))
  end
end

-- A call becomes a dead letter, with its message, until an operator has dealt with it.
local function bury(id, kind, record, attempts, metadata, payload)
  redis.call('HSET', call_key(id), 's', kind, 'r', record, 'e', now, 'a', attempts,
    'm', metadata or '', 'd', payload or '')
  redis.call('ZADD', DEAD, 0, id)
end

-- A call has ended; its message gives way to its hash.
local function close(id, name, kind, record, attempts, retention)
  local key = call_key(id)
  if retention == 0 then
    redis.call('DEL', key)
    if name then redis.call('DEL', name_key(name)) end
    return
  end
  redis.call('HSET', key, 's', kind, 'r', record, 'a', attempts)
  redis.call('PEXPIRE', key, retention)
  if name then redis.call('PEXPIRE', name_key(name), retention) end
end
