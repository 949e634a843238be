-- ARGV: ahead, process, lane's byte cap, '1' when this was sent before and the answer was lost, then
-- for each call: id, name (method and key, or ''), policy, metadata, payload, due (0: at once), '1' when
-- somebody waits, '2' when nobody does and the call must not be made twice.
-- Gives for each call {what, id, record}: 0 accepted, 1 attached, 2 ended, 3 mismatch, 4 lane full,
-- 5 not known: sent before, and either never received or already over without a trace.
local process, cap, resent = ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local bytes = tonumber(redis.call('HGET', META, 'bytes') or '0')
local before = bytes
local results = {}

-- Lets a call wait in the stream, or for its time; gives the fields that say where its message is.
local function place(id, policy, metadata, payload, due, expires, ran)
  if due > now then
    redis.call('ZADD', LATER, due, id)
    return 'q', '', 'm', metadata, 'd', payload
  end
  return 'q', enqueue(id, policy, metadata, payload, 0, 0, 0, expires, ran)
end

for n = 5, #ARGV, 7 do
  local id, name, policy, metadata, payload = ARGV[n], ARGV[n + 1], ARGV[n + 2], ARGV[n + 3], ARGV[n + 4]
  local due, waiter = math.max(tonumber(ARGV[n + 5]), now), ''
  if ARGV[n + 6] == '1' then waiter = process end
  local key, known, call = call_key(id), nil, nil
  if name ~= '' then
    known = redis.call('GET', name_key(name))
  elseif redis.call('EXISTS', key) == 1 then
    -- A call without a key is looked for too: its first sending may arrive after the second.
    known = id
  end
  if known then
    call = redis.call('HMGET', call_key(known), 's', 'p', 'w', 'r')
    if not call[1] then known = nil end
  end
  local state = known and call[1]
  local result
  if known and hash_of(call[2]) ~= hash_of(policy) then
    result = {3, known}
  elseif known and unfinished(state) then
    if waiter ~= '' and not string.find(call[3], process, 1, true) then
      redis.call('HSET', call_key(known), 'w', call[3] .. ',' .. process)
    end
    result = {known == id and 0 or 1, known}
  elseif known and (known == id or not (state == '3' or state == '4' or state == '6')) then
    result = {2, known, call[4]}
  elseif resent and not known and name == '' and ARGV[n + 6] == '2' then
    -- A detached success leaves no record by which the repetition could be told from the first.
    result = {5, id}
  elseif bytes + #payload > cap then
    result = {4, bytes}
  elseif known then
    -- It ended without an answer and runs again: under its id, by its first policy.
    if state == '4' then redis.call('ZREM', DEAD, known) end
    local expires = due + expires_in(call[2])
    key = call_key(known)
    local ran = ran_before(key)
    redis.call('HDEL', key, 'r', 'e', 'c', 'm', 'd', 'a', 'u', 'l')
    redis.call('PERSIST', key)
    redis.call('PERSIST', name_key(name))
    redis.call('HSET', key, 's', 0, 't', times(expires), 'n', #payload, 'w', waiter, 'b', ran,
      place(known, call[2], metadata, payload, due, expires, ran))
    bytes = bytes + #payload
    result = {0, known}
  else
    local expires = due + expires_in(policy)
    redis.call('HSET', key, 's', 0, 'p', policy, 't', times(expires), 'n', #payload, 'w', waiter,
      place(id, policy, metadata, payload, due, expires))
    if name ~= '' then
      redis.call('SET', name_key(name), id)
      redis.call('HSET', key, 'k', name)
    end
    bytes = bytes + #payload
    result = {0, id}
  end
  results[#results + 1] = result
end
if bytes ~= before then redis.call('HINCRBY', META, 'bytes', bytes - before) end
return results
