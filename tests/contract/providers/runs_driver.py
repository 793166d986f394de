"""The command line with the fake kind and the real providers; EC2 is late by moments only. Arguments as the fake kind's own driver's."""

from tests.contract.ec2_drills.driver import hasten
from tests.support.fake_kind.driver import call

if __name__ == "__main__":
    hasten(1.0)
    call()
