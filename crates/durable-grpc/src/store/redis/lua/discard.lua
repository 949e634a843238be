-- ARGV: ahead, id, record, retentions of a call that has a key and of one that has none.
-- Gives 1 when the dead letter is gone, 0 when there is none.
local id, key = ARGV[2], call_key(ARGV[2])
local call = redis.call('HMGET', key, 's', 'k', 'a')
if call[1] ~= '4' and call[1] ~= '5' then return 0 end
redis.call('HDEL', key, 'm', 'd')
redis.call('ZREM', DEAD, id)
close(id, call[2], '7', ARGV[3], call[3], tonumber(call[2] and ARGV[4] or ARGV[5]))
return 1
