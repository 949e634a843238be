-- ARGV: ahead, prefix of channels, lease, owner ('': everyone whose lease has lapsed), limit of
-- claims, limit of bytes, record of a call lost after it was sent, record of a cancelled call,
-- retentions of a cancelled call that has a key and of one that has none.
-- Gives the number of claims taken, and 1 when there are more.
local lease, wanted, limit, most = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local ambiguous, cancelled = ARGV[7], ARGV[8]
local taken, moved, ended = 0, 0, 0

local function take(sid)
  local id, metadata, payload = entry(sid)
  if not id then return end
  moved = moved + #payload
  local call = redis.call('HMGET', call_key(id), 's', 'q', 'p', 'w', 'k', 'n', 'a', 'u', 'l', 't', 'c', 'b')
  if not unfinished(call[1]) or call[2] ~= sid then return end
  local attempts, unsent, lost = call[7] or 0, call[8] or 0, (call[9] or 0) + 1
  if call[1] == '1' then
    bury(id, '5', ambiguous, attempts, metadata, payload)
    redis.call('HSET', call_key(id), 'l', lost)
    tell(call[4], id, ambiguous)
    ended = ended + call[6]
  elseif call[11] then
    close(id, call[5], '6', cancelled, attempts, tonumber(call[5] and ARGV[9] or ARGV[10]))
    tell(call[4], id, cancelled)
    ended = ended + call[6]
  else
    local again = enqueue(id, call[3], metadata, payload, attempts, unsent, lost, expiry(call[10]), call[12])
    redis.call('HSET', call_key(id), 'q', again, 'l', lost)
  end
end

local function forget(owner)
  redis.call('ZREM', OWNERS, owner)
  redis.call('HDEL', HEALTH, owner)
end

local consumers, more = redis.pcall('XINFO', 'CONSUMERS', STREAM, GROUP), 0
if consumers.err then consumers = {} end
local reading = {}
for _, consumer in ipairs(consumers) do
  local owner, pending, idle = consumer[2], consumer[4], consumer[6]
  reading[owner] = true
  local beat = redis.call('ZSCORE', OWNERS, owner)
  -- A worker that was just taken over may come back before it beats again: its idle time speaks.
  local silent = beat and now - beat >= lease or not beat and idle >= lease
  if owner == wanted or wanted == '' and silent then
    local held, gone = {}, {}
    if taken < limit and moved < most then
      held = redis.call('XPENDING', STREAM, GROUP, '-', '+', limit - taken, owner)
    end
    for _, pending_entry in ipairs(held) do
      if moved >= most then break end
      take(pending_entry[1])
      gone[#gone + 1] = pending_entry[1]
    end
    leave(gone)
    taken = taken + #gone
    if #gone == pending then
      redis.call('XGROUP', 'DELCONSUMER', STREAM, GROUP, owner)
      forget(owner)
    else
      more = 1
    end
  end
end
-- Who only beats and never reads is no consumer.
if wanted ~= '' then
  if not reading[wanted] then forget(wanted) end
else
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', OWNERS, '-inf', now - lease, 'LIMIT', 0, limit)) do
    if not reading[owner] then forget(owner) end
  end
end
if ended > 0 then redis.call('HINCRBY', META, 'bytes', -ended) end
publish(ARGV[2])
return {taken, more}
